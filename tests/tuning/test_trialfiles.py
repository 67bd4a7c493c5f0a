"""The files of a trial on its way between nodes, and what it says while it waits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from animesearch.errors import RunFolderError
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from animesearch.tuning.trialfiles import WAITING, TrialFiles, reporting
from tests.storage.clocks import QUICK, Clock
from tests.tuning.scripted import SilentView, open_race

LOST = OSError("AWS Error NETWORK_CONNECTION")


def files(root: Path, url: str, trial_id: str = "t0000") -> TrialFiles:
    return TrialFiles(root, url, trial_id, Patience(pauses=QUICK))


def write(root: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        path = root / "trials/t0000" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def held(root: Path) -> dict[str, bytes]:
    top = root / "trials/t0000"
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in top.rglob("*") if p.is_file()}


def test_a_trial_moves_to_another_node_and_back(url: str, tmp_path: Path) -> None:
    """What the store has counts: an older attempt's files on a node are not mixed in."""
    one, two = tmp_path / "one", tmp_path / "two"
    first = files(one, url)
    first.fetch()
    write(one, losses_csv=b"1", checkpoints__a_ckpt=b"A", grids__1_png=b"g")
    first.push()
    second = files(two, url)
    second.fetch()
    assert held(two) == {"losses.csv": b"1", "checkpoints/a.ckpt": b"A"}
    (two / "trials/t0000/checkpoints/a.ckpt").unlink()
    write(two, losses_csv=b"12", checkpoints__b_ckpt=b"B", grids__2_png=b"h")
    second.push()
    assert sorted(Store.open(url).entries("trials/t0000")) == [
        "trials/t0000/checkpoints/b.ckpt", "trials/t0000/grids/1.png",
        "trials/t0000/grids/2.png", "trials/t0000/losses.csv",
    ]  # fmt: skip
    write(one, checkpoints__z_ckpt=b"never sent")
    files(one, url).fetch()
    assert held(one) == {
        "losses.csv": b"12", "checkpoints/b.ckpt": b"B", "grids/1.png": b"g"
    }  # fmt: skip


def test_a_process_keeps_the_weights_of_its_own_trial_only(url: str, tmp_path: Path) -> None:
    first = files(tmp_path, url)
    first.fetch()
    write(tmp_path, losses_csv=b"1", checkpoints__a_ckpt=b"A")
    first.push()
    files(tmp_path, url, "t0001").fetch()
    assert held(tmp_path) == {"losses.csv": b"1"}
    files(tmp_path, url).fetch()
    assert held(tmp_path)["checkpoints/a.ckpt"] == b"A"


def test_a_folder_that_a_node_does_not_see_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="does not see the run folder"):
        files(tmp_path, "").fetch()
    (tmp_path / "run.json").write_text("{}")
    files(tmp_path, "").fetch()
    files(tmp_path, "").push()


def test_a_trial_that_waits_says_so_in_reports_and_can_be_stopped() -> None:
    told: list[Mapping[str, Any]] = []

    def tell(metrics: Mapping[str, Any]) -> None:
        told.append(metrics)
        if len(told) == 4:
            raise StopIteration  # as Tune does it

    def lost() -> None:
        raise LOST

    patience = reporting(tell)
    patience.sleep = Clock().sleep
    with pytest.raises(StopIteration):
        patience(lost, "writing x")
    assert told[0][WAITING].startswith("storage is lost, writing x failed")
    assert told[1] == {WAITING: ""}


def test_the_driver_passes_it_on_and_decides_nothing(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    heard: list[str] = []
    race._view = type("View", (SilentView,), {"note": lambda self, text: heard.append(text)})()
    assignment = race.next()
    assert assignment is not None
    race.started(assignment.trial_id)
    before = len(race.state.reports)
    assert race.report(assignment.trial_id, {WAITING: "no room left"})
    assert race.report(assignment.trial_id, {WAITING: ""})
    assert heard == ["t0000: no room left"] and len(race.state.reports) == before
