"""Checkpoints that go during the race, and a cap on what a run takes."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.records import RungReported, TrialCreated, TrialEnded
from animesearch.results.state import TrialRecord
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from animesearch.tuning.config import SpaceConfig
from animesearch.tuning.disk import disk_need
from animesearch.tuning.upkeep import Best, Keeper, Standing, standing_of
from tests.storage.clocks import QUICK
from tests.storage.servers import S3
from tests.tuning.small import write_space


def record(
    number: int, score: float | None, state: str = "completed", **changes: object
) -> TrialRecord:
    """A trial of the race that has ended."""
    name = f"t{number:04d}"
    created = TrialCreated(
        at=0.0, trial_id=name, number=number, config_id=name, seed=0, params={}, config={},
        **changes,  # type: ignore[arg-type]
    )  # fmt: skip
    ended = TrialEnded(at=1.0, trial_id=name, state=state)  # type: ignore[arg-type]
    found = TrialRecord(created, state=state, ended=ended)  # type: ignore[arg-type]
    if score is not None:
        found.rungs[0] = RungReported(
            at=0.5, trial_id=name, attempt=1, rung=0, images=100, score=score
        )
    return found


def files_of(folder: RunFolder, trial_id: str, size: int = 100) -> None:
    for name in ("checkpoints/images-000000000100.ckpt", "grids/000000100.png"):
        path = folder.trial(trial_id) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))


def kept(folder: RunFolder) -> list[str]:
    return sorted(path.parent.name for path in folder.path.glob("trials/*/checkpoints"))


def test_who_is_out_is_not_among_the_best_at_the_end() -> None:
    """In any order of arrival; equals stand in the order of their creation."""
    rng = random.Random(0)
    for _ in range(50):
        all_of_them = [Standing(rng.randrange(6), n, str(n)) for n in range(20)]
        rng.shuffle(all_of_them)
        best, out = Best(3), []
        for standing in all_of_them:
            out += [loser] if (loser := best.add(standing)) is not None else []
        assert sorted(set(all_of_them) - set(out)) == sorted(all_of_them)[:3]


def test_only_trials_that_a_finish_looks_at_have_a_standing() -> None:
    assert standing_of(record(1, 2.0)) == Standing(2.0, 1, "t0001")
    assert standing_of(record(1, 2.0, "pruned")) is not None
    assert standing_of(record(1, 2.0, "collapsed")) is None
    assert standing_of(record(1, None)) is None


def test_losers_go_while_the_race_runs(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    ended = [record(0, 5.0), record(1, 3.0, "pruned"), record(2, 9.0), record(3, 4.0),
             record(4, 1.0, "collapsed"), record(5, None, "failed")]  # fmt: skip
    for one in [*ended, record(6, 0.0)]:
        files_of(folder, one.trial_id)
    with Keeper(folder, 2, pytest.fail).working(ended[:2]):
        pass  # those of an earlier session
    assert kept(folder) == ["t0000", "t0001", "t0002", "t0003", "t0004", "t0005", "t0006"]
    keeper = Keeper(folder, 2, pytest.fail)
    with keeper.working(ended[:2]):
        for one in ended[2:]:
            keeper.ended(one)
    assert kept(folder) == ["t0001", "t0003", "t0006"]  # the last one is still running
    assert len(list(folder.path.glob("trials/*/grids/*.png"))) == 7


def test_a_trial_without_checkpoints_takes_nobodys_place(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    files_of(folder, "t0000")
    keeper = Keeper(folder, 1, pytest.fail)
    with keeper.working():
        keeper.ended(record(0, 5.0))
        keeper.ended(record(1, 1.0))  # better, but there is nothing to score again
    assert kept(folder) == ["t0000"]


def test_final_runs_keep_theirs_until_they_are_scored(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    keeper = Keeper(folder, 1, pytest.fail)
    with keeper.working():
        for number, state in enumerate(("completed", "completed", "collapsed")):
            files_of(folder, f"t{number:04d}")
            keeper.ended(record(number, 5.0, state, phase="final", member=number))
    assert kept(folder) == ["t0000", "t0001"]


def test_a_population_keeps_all(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    files_of(folder, "t0000")
    keeper = Keeper(folder, None, pytest.fail)
    with keeper.working():
        keeper.ended(record(0, 5.0, "failed"))
    assert kept(folder) == ["t0000"]


def test_beyond_the_cap_grids_of_the_first_losers_go(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    gone = threading.Event()
    keeper = Keeper(folder, 1, pytest.fail, cap=1050.0, look_s=0.05)
    for number in range(4):
        files_of(folder, f"t{number:04d}", size=300)
    with keeper.working():
        for number in range(4):
            keeper.ended(record(number, float(number)))
        _until(lambda: len(list(folder.path.glob("trials/*/grids"))) == 2, gone)
        keeper.wait_for_room()
    assert sorted(p.parent.name for p in folder.path.glob("trials/*/grids")) == ["t0000", "t0003"]
    assert kept(folder) == ["t0000"]


def test_where_nothing_is_left_to_go_it_waits_and_says_so(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    (folder.path / "large").write_bytes(bytes(2_000_000))
    said: list[str] = []

    def note(text: str) -> None:
        said.append(text)
        (folder.path / "large").unlink(missing_ok=True)  # the user makes room

    keeper = Keeper(folder, 1, note, cap=1e6, look_s=0.05)
    with keeper.working():
        _until(lambda: keeper._used > 1e6, threading.Event())
        keeper.wait_for_room()
    assert "more than search.resources.disk allows (0.001 GB)" in said[0]
    assert "paused" in said[0] and said[1].endswith("it goes on")


def test_a_store_that_is_away_is_not_waited_for(s3: S3, url: str, tmp_path: Path) -> None:
    from animesearch.results.stored import StoredRun

    store = Store.open(url, Patience(pauses=QUICK), attempts=1)
    for number in range(3):
        store.write(f"trials/t{number:04d}/checkpoints/images-1.ckpt", b"weights")
    keeper = Keeper(StoredRun(store, tmp_path / "run"), 1, pytest.fail, look_s=0.1)
    with keeper.working():
        s3.proxy.fail("refuse")
        keeper.ended(record(0, 1.0))
        keeper.ended(record(1, 2.0))
        _until(lambda: len(keeper._doomed) == 1, threading.Event())
        s3.proxy.fail("pass")
        _until(lambda: not keeper._doomed, threading.Event())
    assert {name.split("/")[1] for name in store.entries("trials")} == {"t0000", "t0002"}


def _until(reached: object, pause: threading.Event) -> None:
    for _ in range(600):
        if reached():  # type: ignore[operator]
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to that")


def test_the_sum_of_what_a_search_takes() -> None:
    need = disk_need(100_000_000, concurrency=4, top=3, seeds=2)
    assert (need.running, need.best, need.bytes) == (16, 27, 4_300_000_000)
    assert str(need) == (
        "checkpoints of up to 100.0 MB, 16 of running trials and 27 of the best: 4.30 GB"
    )
    assert disk_need(1, concurrency=2, top=3, population=8).best == 24


def test_the_plan_adds_up_checkpoints_grids_and_tables(tmp_path: Path) -> None:
    """Eight trials of the race and two finals; TensorBoard keeps the six grids of each as well."""
    from animesearch.tuning.disk import disk_line, files_of, need_of, refuse_beyond
    from animesearch.tuning.prepare import load_search

    def config(disk: str) -> SpaceConfig:
        options = ["grid=[4, 5]", "finalists={top: 1, seeds: 2}", f"resources.disk={disk}"]
        return load_search(
            str(write_space(tmp_path)), [f"search.{option}" for option in options]
        ).config

    free, capped = config("null"), config("0.5")
    need = need_of(free, 10_000_000, concurrency=2)
    assert (need.running, need.best) == (8, 9)
    files = files_of(free, trials=10, rungs=6, tables=1_000_000.4)
    assert files.bytes == 10 * (2 * 6 * 4 * 5 * 16 * 16 * 3 + 1_000_000) == 11_843_200
    assert disk_line(need, files, free) == (
        "disk: checkpoints of up to 10.0 MB, 8 of running trials and 9 of the best: 0.17 GB; "
        "10 trials x (12 grids of up to 15.4 kB + tables of 1.0 MB): up to 11.8 MB; together "
        "0.18 GB, search.resources.disk sets no cap"
    )
    assert disk_line(need, None, capped).endswith("of the best: 0.17 GB; the cap is 0.5 GB")
    quiet = load_search(str(write_space(tmp_path)), ["search.logs=[]"]).config
    assert files_of(quiet, 10, 6, 0).grids == 6
    refuse_beyond(need, capped)
    with pytest.raises(UserError, match=r"0\.51 GB, but search.resources.disk is 0\.5 GB"):
        refuse_beyond(need_of(capped, 30_000_000, concurrency=2), capped)


def test_checkpoints_are_as_large_as_was_said(tmp_path: Path) -> None:
    """Within a tenth, once the networks are larger than the rest."""
    from animesearch.trainers.checkpoint import checkpoint_files
    from animesearch.tuning.disk import largest_checkpoint
    from tests.trainers.runs import make_run

    architecture = {"name": "penn-dcgan", "width": 16, "latent": 32}
    run = make_run(tmp_path / "run", architecture)
    real = checkpoint_files(run.checkpoints("t0000"))[-1].stat().st_size
    assert largest_checkpoint([{"architecture": architecture}], (16, 3, 0)) == pytest.approx(
        real, rel=0.1
    )
