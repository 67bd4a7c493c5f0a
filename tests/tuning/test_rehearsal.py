"""The dry run: a plan, an estimate with its error, and no search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from animesearch.errors import RunFolderError, UserError
from animesearch.metrics.features import FEATURES
from animesearch.results.progress import Plan
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.tuning import rehearsal
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.prepare import load_search
from animesearch.tuning.rehearsal import (
    CLASSES,
    Fresh,
    Timing,
    _has_room,
    _job,
    _setting,
    calibrate,
    dry_run,
    estimate_of,
    plan_lines,
)
from animesearch.tuning.resources import Allotment, Node
from tests.tuning.small import write_space

PLAN = Plan("x", "", trials=8, images=1000, rungs=())


def test_estimate_is_the_sum_of_its_parts() -> None:
    timing = Timing(train=100.0, score=0.01, start=2.0, memory=7)
    got = estimate_of([timing, timing], PLAN, samples=50, scorings=4, concurrency=2)
    each = 2.0 + 1000 / 100 + 4 * 50 * 0.01
    assert got.longest == pytest.approx(8 * each / 2)
    assert got.expected == pytest.approx(got.longest), "nothing is stopped without rungs"
    assert got.error == 0.0 and got.memory == 7


def test_estimate_counts_on_early_stopping_and_tells_its_error() -> None:
    plan = Plan("x", "", trials=8, images=1000, rungs=(250, 500, 1000))
    slow, fast = Timing(50.0, 0.0, 0.0, 1), Timing(100.0, 0.0, 0.0, 2)
    got = estimate_of([slow, fast], plan, samples=1, scorings=3, concurrency=1)
    assert got.expected == pytest.approx(got.longest * plan.remaining() / 1000)
    assert 0.2 < got.error < 0.5
    assert got.memory == 2


def test_the_calibration_waits_for_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What two machines have together is of no use to a trial."""
    monkeypatch.setattr(rehearsal, "machines_now", lambda: (Node(4, 0, 2), Node(2, 1)))
    assert not _has_room(Allotment(8.0, 0.0, 0.0, 1, 0))
    assert not _has_room(Allotment(4.0, 1.0, 0.0, 1, 0))
    assert _has_room(Allotment(4.0, 0.0, 0.0, 1, 0)) and _has_room(Allotment(2.0, 1.0, 0.0, 1, 0))


JOB = {
    "size": 16,
    "channels": 3,
    "classes": 0,
    "device": "cpu",
    "threads": 1,
    "workers": 1,
    "precision": "float32",
    "plugins": (),
}


def test_final_runs_cost_a_whole_trial_and_a_fresh_score_each() -> None:
    plan = Plan("x", "", trials=8, images=1000, rungs=(250, 500, 1000), finals=6)
    timing = Timing(train=100.0, score=0.01, start=2.0, memory=7)
    without = estimate_of([timing], replace(plan, finals=0), 50, 3, 2)
    got = estimate_of([timing], plan, 50, 3, 2, Fresh(trials=3, samples=400))
    each, fresh = 2.0 + 1000 / 100 + 3 * 50 * 0.01, 400 * 0.01
    after = (6 * each + (6 + 3) * fresh) / 2
    assert got.expected == pytest.approx(without.expected + after)
    assert got.longest == pytest.approx(without.longest + after)


def test_the_plan_tells_what_follows_the_race(tmp_path: Path) -> None:
    def told(options: str) -> str:
        search = load_search(str(write_space(tmp_path)), [f"search.finalists={options}"])
        return "\n".join(plan_lines(search, (128, 256, 512), Allotment(1.0, 0.0, 0.0, 1, 0)))

    assert "the best 2 scored again on 48 fresh samples\n" in told("2")
    both = told("{top: 2, seeds: 3, samples: 99}")
    assert "the best 2 scored again on 99 fresh samples, and trained again from 3 new" in both
    assert "at most 6 runs of 512 images" in both
    assert f"{(4 + 6) * 512:,} if no trial is stopped" in both


def test_it_measures_the_precision_of_the_search(tmp_path: Path) -> None:
    trial = TrialConfig.model_validate({"architecture": "penn-dcgan", "batch": 8})
    job = {**JOB, "precision": "bfloat16"}
    assert _setting(trial, job, tmp_path)[0].precision == "bfloat16"


@pytest.mark.parametrize(
    ("labels", "classes"), [("none", 0), ("[blonde_hair, blue_hair]", 3), ("classes", CLASSES)]
)
def test_it_measures_with_the_labels_of_the_search(
    tmp_path: Path, labels: str, classes: int
) -> None:
    overrides = ["trial.architecture=r3gan", f"dataset.labels={labels}"]
    search = load_search(str(write_space(tmp_path)), overrides)
    assert _job(search, Allotment(1.0, 0.0, 0.0, 1, 0))["classes"] == classes


def test_conditional_designs_are_timed_with_labels(tmp_path: Path) -> None:
    """Each class is in the batches that networks with embeddings are trained on."""
    spec = ARCHITECTURES.get("r3gan")
    trial = TrialConfig.model_validate(
        {"architecture": {"name": "r3gan", **spec.smallest}, "batch": 2}
    )
    setting, data, labels = _setting(trial, {**JOB, "classes": 3}, tmp_path)
    assert {int(y) for images in range(0, 12, 2) for y in labels(images)} == {0, 1, 2}
    assert sum(setting.class_shares) == pytest.approx(1)
    list(train(trial, setting, data, None, labels))
    state = load_checkpoint(checkpoint_files(tmp_path / "checkpoints")[-1])
    assert state["identity"]["classes"] == ["0", "1", "2"]


@pytest.mark.parametrize(("batch", "classes"), [(1, 0), (1, 2), (4, 2)])
def test_calibrates(batch: int, classes: int) -> None:
    spec = ARCHITECTURES.get("r3gan")
    config = {"architecture": {"name": "r3gan", **spec.smallest}, "batch": batch}
    job = {**JOB, "classes": classes, "spec": FEATURES.parse("random")}
    timing = calibrate(config, job)
    assert timing.train > 0 and timing.score > 0
    assert timing.checkpoint > 1000 and 1 < timing.tables < 1000


@pytest.mark.parametrize(
    "start",
    [
        "trial.start.run={}",
        "trial.start={{run: {{choice: [{}]}}}}",
        "trial.start={{choice: [{{label: a, run: {}}}]}}",
    ],
)
def test_missing_weights_to_begin_with_are_told(tmp_path: Path, start: str) -> None:
    with pytest.raises(RunFolderError, match="nowhere"):
        dry_run(str(write_space(tmp_path)), [start.format(tmp_path / "nowhere")])


@pytest.mark.slow
def test_dry_run_prints_the_plan_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = write_space(tmp_path)
    monkeypatch.chdir(tmp_path)
    with ray_session():
        dry_run(str(space), ["search.resources.concurrency=2"])
        with pytest.raises(UserError, match=r"search\.resources\.disk is 0\.001 GB"):
            dry_run(str(space), ["search.resources={concurrency: 2, disk: 0.001}"])
    text = " ".join(capsys.readouterr().out.split())
    assert "trials: 4, tpe sampler, asha scheduler" in text
    assert "rungs: 128, 256, 512 images" in text
    assert "2,048 if no trial is stopped" in text
    assert "no search was started" in text and "±" in text
    assert "8 of running trials and 9 of the best:" in text
    assert "4 trials x (6 grids of up to 4.6 kB" in text
    assert "search.resources.disk sets no cap" in text
    assert sorted(tmp_path.iterdir()) == [space]
