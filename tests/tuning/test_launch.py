"""Whole searches with real training, through the functions behind the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from PIL import Image

from animesearch.errors import RunFolderError
from animesearch.results.configurations import rank_configurations
from animesearch.results.folder import RunFolder
from animesearch.results.journal import read_journal, segments
from animesearch.results.nearest import read_nearest, thumbnail_file
from animesearch.results.ranking import rank, ranking_json
from animesearch.results.state import RunState, fold
from animesearch.trainers.generate import Drawing, generate
from animesearch.tuning import launch
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.tuning.scripted_driver import reports_in, wait_until
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with ray_session():
        yield


HOLDOUT = "dataset.holdout=0.25"


def search(folder: Path, *overrides: str) -> RunFolder:
    """A finished search in ``folder``."""
    space = write_space(folder)
    assert launch.start(str(space), overrides, folder / "run") == launch.DONE
    return RunFolder.open(folder / "run")


@pytest.fixture(scope="module")
def finished(ray: None, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search(tmp_path_factory.mktemp("finished"), HOLDOUT)


def scores(state: RunState) -> list[list[float]]:
    return [[report.score for report in trial.rungs.values()] for trial in state.trials.values()]


def test_a_finished_run_is_whole(finished: RunFolder) -> None:
    state, info = finished.state(), finished.info()
    assert state.outcome == "complete" and len(state.trials) == 4
    assert all(trial.done and trial.rungs for trial in state.trials.values())
    assert not state.by_state("failed")
    assert info.metric == "fd-random" and info.rungs == (128, 256, 512)
    for name in ("best.png", "ranking.json", "data/reals.png", "data/manifest.json", "study.db"):
        assert (finished.path / name).is_file(), name


def test_the_best_have_their_nearest_training_images(finished: RunFolder) -> None:
    """Training images only: a quarter of them is held out."""
    for trial in finished.state().trials.values():
        found = read_nearest(finished, trial.trial_id)
        assert (found is not None) == (trial.rescored is not None)
        for near in found.grids.values() if found else ():
            assert len(near.index) == 6 and found is not None
            assert found.searched == found.training > max(near.index)
            assert all(thumbnail_file(finished, index).is_file() for index in near.index)


def test_every_trial_has_its_event_files(finished: RunFolder) -> None:
    told = {path.parent.name for path in finished.path.glob("tensorboard/*/events.out.tfevents.*")}
    assert told == set(finished.state().trials)


def test_what_a_score_is_worth_stands_beside_it(finished: RunFolder) -> None:
    state, info = finished.state(), finished.info()
    assert info.floor is not None and info.floor > 0
    assert all(report.metrics["noise"] > 0 for report in state.reports)
    assert not {"hostname", "node_ip", "pid"} & {k for r in state.reports for k in r.metrics}
    again = [trial.rescored for trial in state.trials.values() if trial.rescored]
    assert all(one.noise and one.noise > 0 for one in again)
    assert {one.floor for one in again} == {info.floor}, "at equally many samples"
    gaps = [one.memorisation for one in again]
    assert all(gap is not None and abs(gap) < 5 for gap in gaps)


def test_grids_are_pictures_of_the_declared_size(finished: RunFolder) -> None:
    grids = sorted((finished.trial("t0000") / "grids").glob("*.png"))
    assert grids
    with Image.open(grids[-1]) as picture:
        assert picture.size == (3 * 16 + 2 * 2, 2 * 16 + 2)


def test_the_best_three_were_scored_again(finished: RunFolder) -> None:
    state = finished.state()
    assert sum(trial.rescored is not None for trial in state.trials.values()) == 3
    first = rank(state)[0]
    assert first.fresh and first.score == min(
        t.rescored.score for t in state.trials.values() if t.rescored
    )


def test_fresh_scores_are_of_the_latents_behind_the_races(finished: RunFolder) -> None:
    from animesearch.datasets.packed import PackedDataset
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.metrics.features import FEATURES
    from animesearch.trainers.checkpoint import best_checkpoint
    from animesearch.trainers.models import load_generator
    from animesearch.tuning.tasks import Passing, Yardstick, rescore
    from animesearch.tuning.trialfiles import Held
    from tests.metrics.samples import real_statistics

    (packed,) = Path(os.environ["ANIMESEARCH_CACHE"]).rglob("manifest.json")
    spec = FEATURES.parse("random")
    images = PackedDataset.open(packed.parent)
    real = real_statistics(images.images_NCHW, spec, images.pixels_digest)
    yardstick = Yardstick(Passing(spec), real)
    for trial in finished.state().trials.values():
        checkpoint = best_checkpoint(finished.checkpoints(trial.trial_id))
        if checkpoint is not None and trial.rescored is not None:
            held = Held(str(checkpoint))
            found = rescore(held, yardstick, range(48, 96)).score
            assert found == pytest.approx(trial.rescored.score, abs=5e-4)
            assert (trial.rescored.samples, trial.rescored.first_latent) == (48, 48)
            sampler = load_generator(checkpoint, "cpu").sampler
            first = Evaluator(spec, real, 48, "cpu").score(sampler, start=0).value
            assert found != first


def test_losers_checkpoints_are_gone(finished: RunFolder) -> None:
    kept = {path.parent.name for path in finished.path.glob("trials/*/checkpoints")}
    again = {t.trial_id for t in finished.state().trials.values() if t.rescored}
    assert kept == again


def test_replay_of_the_journal_agrees(finished: RunFolder) -> None:
    assert replay(Asha(first_rung=128), finished.state(), finished.info().rungs) == []


def test_study_has_the_right_states(finished: RunFolder) -> None:
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{finished.study}")
    names = {"completed": "COMPLETE", "pruned": "PRUNED"}
    expected = [names[trial.state] for trial in finished.state().trials.values()]
    assert [trial.state.name for trial in study.trials] == expected


def test_ranking_json_is_finite_and_tells_the_cost_of_metrics(finished: RunFolder) -> None:
    value = ranking_json(finished.info(), finished.state())
    json.dumps(value, allow_nan=False)
    assert value["metric"] == "fd-random"


def test_generate_draws_from_the_best(finished: RunFolder, tmp_path: Path) -> None:
    drawn = generate(finished.path, tmp_path / "grid.png", None, Drawing(count=5))
    rescored = [t.trial_id for t in finished.state().trials.values() if t.rescored]
    assert any(f"5 images of {trial_id} in " in drawn for trial_id in rescored)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (3 * 16 + 2 * 2, 2 * 16 + 2)


def test_generate_explains_a_loser_without_checkpoint(finished: RunFolder, tmp_path: Path) -> None:
    loser = next(t.trial_id for t in finished.state().trials.values() if not t.rescored)
    with pytest.raises(RunFolderError, match="only the best trials keep theirs"):
        generate(finished.path, tmp_path / "grid.png", loser, Drawing(count=5))


def test_same_seed_same_scores(finished: RunFolder, tmp_path: Path) -> None:
    """One trial at a time on the CPU: the same configurations, scores to the third decimal."""
    again = search(tmp_path, HOLDOUT).state()
    first = finished.state()
    assert [t.created.config_id for t in again.trials.values()] == [
        t.created.config_id for t in first.trials.values()
    ]
    for one, two in zip(scores(again), scores(first), strict=True):
        assert one == pytest.approx(two, abs=5e-4)


def test_an_occupied_folder_is_refused_and_untouched(finished: RunFolder) -> None:
    before = sorted(finished.path.rglob("*"))
    with pytest.raises(RunFolderError, match="animesearch resume"):
        launch.start(str(write_space(finished.path.parent)), [], finished.path)
    assert sorted(finished.path.rglob("*")) == before


def test_resuming_a_complete_run_changes_nothing(finished: RunFolder) -> None:
    before = len(segments(finished.journal))
    assert launch.resume(finished.path) == launch.DONE
    assert len(segments(finished.journal)) == before


def test_other_data_are_not_resumed_into_the_same_ranking(
    finished: RunFolder, tmp_path: Path
) -> None:
    copy = RunFolder(tmp_path / "run")
    shutil.copytree(finished.path, copy.path)
    info = copy.info()
    copy.write_info(info.model_copy(update={"protocol": {**info.protocol, "samples": 7}}))
    segments(copy.journal)[-1].unlink()  # the run-closed event: not complete any more
    with pytest.raises(RunFolderError, match="samples: was 7, is 48"):
        launch.resume(copy.path)


def test_an_edited_space_is_not_resumed(finished: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    text = copy.space_file.read_text()
    copy.space_file.write_text(text.replace("trials: 4", "trials: 5").replace("seed: 3", "seed: 4"))
    with pytest.raises(RunFolderError, match=r"changed since it began \(seed, search\.trials\)"):
        launch.resume(copy.path)


def test_a_run_without_its_overrides_is_not_resumed(finished: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    (copy.path / launch.OVERRIDES).unlink()
    with pytest.raises(RunFolderError, match=r"overrides\.json cannot be read"):
        launch.resume(copy.path)


def test_a_damaged_finalist_does_not_cost_the_search(finished: RunFolder, tmp_path: Path) -> None:
    """Killed before the fresh scores were written, and a checkpoint cut meanwhile."""
    copy = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    for segment in segments(copy.journal)[-4:]:  # three fresh scores and the close
        segment.unlink()
    best = rank(copy.state())[0].trial_id
    for file in copy.checkpoints(best).glob("*.ckpt"):
        file.write_bytes(file.read_bytes()[:-50])
    assert launch.resume(copy.path) == launch.DONE
    state = copy.state()
    assert state.outcome == "complete" and state.trials[best].rescored is None
    assert sum(trial.rescored is not None for trial in state.trials.values()) == 2


FINALS = "search.finalists={top: 2, seeds: 2, samples: 64}"


@pytest.fixture(scope="module")
def with_finals(ray: None, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search(tmp_path_factory.mktemp("finals"), FINALS)


@pytest.mark.slow
def test_the_best_configurations_from_new_seeds(with_finals: RunFolder) -> None:
    state, info = with_finals.state(), with_finals.info()
    finals = state.of_phase("final")
    assert state.outcome == "complete" and len(finals) == 4
    for trial in finals:
        assert trial.state == "completed" and [r.rung for r in trial.rungs.values()] == [0, 1, 2]
        assert trial.rescored is not None
        assert (trial.rescored.samples, trial.rescored.first_latent) == (64, 48)
        assert trial.rescored.floor is not None
    ranking = rank_configurations(state)
    assert [(row.basis, row.n, row.runs, row.failed) for row in ranking[:2]] == [
        ("final", 2, 2, 0)
    ] * 2
    kept = {path.parent.name for path in with_finals.path.glob("trials/*/checkpoints")}
    raced = {t.trial_id for t in state.of_phase("race") if t.rescored}
    assert kept == raced | {row.best_trial for row in ranking[:2]} and len(raced) == 2
    told = ranking_json(info, state)
    assert sum(told["counts"].values()) == 4
    assert told["final_counts"] == {"completed": 4}
    assert replay(Asha(first_rung=128), state, info.rungs) == []
    before = len(segments(with_finals.journal))
    assert launch.resume(with_finals.path) == launch.DONE
    assert len(segments(with_finals.journal)) == before


@pytest.mark.slow
@pytest.mark.parametrize("kept", [1, 9])
def test_killed_in_the_finals_and_resumed(
    with_finals: RunFolder, tmp_path: Path, kept: int
) -> None:
    """SIGKILL after so many segments of the finals: the same runs, to the third decimal."""
    code = _kill_when(tmp_path, lambda journal: _final_events(journal) >= kept, FINALS)
    assert code == -signal.SIGKILL
    assert launch.resume(tmp_path / "run") == launch.DONE
    resumed, whole = RunFolder.open(tmp_path / "run").state(), with_finals.state()
    assert sorted(resumed.trials) == sorted(whole.trials)
    for name, trial in whole.trials.items():
        again = resumed.trials[name]
        assert again.created.seed == trial.created.seed and again.state == trial.state
        one, two = list(again.rungs.values()), list(trial.rungs.values())
        assert [r.score for r in one] == pytest.approx([r.score for r in two], abs=5e-4)
        fresh = [t.rescored.score for t in (again, trial) if t.rescored]
        assert len(fresh) in {0, 2} and fresh[:1] == pytest.approx(fresh[1:], abs=5e-4)
    order = [row.config_id for row in rank_configurations(whole)]
    assert [row.config_id for row in rank_configurations(resumed)] == order


def _final_events(journal: Path) -> int:
    """What the finals have written so far."""
    if not segments(journal):
        return 0
    finals = fold(read_journal(journal)).of_phase("final")
    return sum(1 + trial.attempt + len(trial.rungs) + trial.done for trial in finals)


@pytest.mark.slow
@pytest.mark.parametrize("reports", [0, 2, 5])
def test_killed_and_resumed_is_the_undisturbed_search(
    finished: RunFolder, tmp_path: Path, reports: int
) -> None:
    """SIGKILL of the driver during real training: the same scores, kills and ranking."""
    _kill_at(tmp_path, reports, signal.SIGKILL)
    assert launch.resume(tmp_path / "run") == launch.DONE
    resumed, whole = RunFolder.open(tmp_path / "run").state(), finished.state()
    for one, two in zip(scores(resumed), scores(whole), strict=True):
        assert one == pytest.approx(two, abs=5e-4)
    assert [r.trial_id for r in rank(resumed)] == [r.trial_id for r in rank(whole)]
    assert [t.state for t in resumed.trials.values()] == [t.state for t in whole.trials.values()]


@pytest.mark.slow
def test_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    code, output = _kill_at(tmp_path, 1, signal.SIGINT)
    assert code == launch.INTERRUPTED
    assert f"animesearch resume {tmp_path / 'run'}" in output
    assert "Traceback" not in output
    assert RunFolder.open(tmp_path / "run").state().outcome == "interrupted"


@pytest.mark.slow
def test_streamed_data(ray: None, tmp_path: Path) -> None:
    """Ray Data inside the trial, with a CPU of its own beside the trial's."""
    run = search(tmp_path, "dataset.mode=stream", "search.trials=2")
    state = run.state()
    assert [t.state for t in state.trials.values()].count("failed") == 0
    assert all(trial.rungs for trial in state.trials.values())


@pytest.mark.slow
def test_population_based_training(ray: None, tmp_path: Path) -> None:
    run = search(
        tmp_path,
        "search.scheduler={name: pbt, interval: 0.25}",
        "trial.architecture={name: penn-dcgan, width: 4, latent: 8}",
        "trial.loss=ns",
    )
    state = run.state()
    assert [t.state for t in state.trials.values()] == ["completed"] * 4
    changed = [t for t in state.trials.values() if t.perturbed]
    assert changed, "the worst take over the best"
    for trial in changed:
        assert 1e-4 <= trial.config["generator"]["lr"] <= 1e-3
    _perturbed_after_its_checkpoint(run)
    assert launch.resume(run.path) == launch.DONE
    assert not run.state().by_state("failed")


def _perturbed_after_its_checkpoint(run: RunFolder) -> None:
    """As if the driver had died between a perturbation and the worker's taking it up: the
    trial's checkpoint is of another configuration than its last in the journal."""
    kept = next(
        number
        for number, segment in enumerate(segments(run.journal), 1)
        if '"perturbed"' in segment.read_text()
    )
    for segment in segments(run.journal)[kept:]:
        segment.unlink()
    (event,) = json.loads(segments(run.journal)[-1].read_text())
    event["config"]["generator"]["lr"] = 5e-4
    segments(run.journal)[-1].write_text(json.dumps([event]))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _kill_at(folder: Path, reports: int, signum: int) -> tuple[int, str]:
    """Start a search in a process of its own and send it a signal at a report."""

    def enough(journal: Path) -> bool:
        return reports_in(journal) >= reports

    code = _kill_when(folder, enough, HOLDOUT, signum=signum)
    return code, (folder / "log.txt").read_text()


def _kill_when(
    folder: Path,
    reached: Callable[[Path], bool],
    *overrides: str,
    signum: int = signal.SIGKILL,
) -> int:
    """Start a search in a process of its own; its exit code after a signal at that moment."""
    space, run = write_space(folder), folder / "run"
    command = [sys.executable, "-m", "animesearch", "run", "--space", str(space), "--out", str(run)]
    command += [part for override in overrides for part in ("--set", override)]
    with (folder / "log.txt").open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=output, stderr=subprocess.STDOUT
        )
        wait_until(process, lambda: reached(run / "journal"))
        os.kill(process.pid, signum)
        return process.wait(timeout=120)
