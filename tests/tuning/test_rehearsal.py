"""The dry run: a plan, an estimate with its error, and no search."""

from __future__ import annotations

from pathlib import Path

import pytest

from animesearch.errors import RunFolderError
from animesearch.results.progress import Plan
from animesearch.trainers.config import TrialConfig
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.rehearsal import Timing, _setting, dry_run, estimate_of
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


def test_it_measures_the_precision_of_the_search(tmp_path: Path) -> None:
    job = {"size": 16, "channels": 3, "device": "cpu", "threads": 1, "precision": "bfloat16"}
    trial = TrialConfig.model_validate({"architecture": "penn-dcgan", "batch": 8})
    assert _setting(trial, job, tmp_path)[0].precision == "bfloat16"


def test_missing_weights_to_begin_with_are_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        dry_run(str(write_space(tmp_path)), [f"trial.start.run={tmp_path / 'nowhere'}"])


@pytest.mark.slow
def test_dry_run_prints_the_plan_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = write_space(tmp_path)
    monkeypatch.chdir(tmp_path)
    with ray_session():
        dry_run(str(space), ["search.resources.concurrency=2"])
    text = " ".join(capsys.readouterr().out.split())
    assert "trials: 4, tpe sampler, asha scheduler" in text
    assert "rungs: 128, 256, 512 images" in text
    assert "2,048 if no trial is stopped" in text
    assert "no search was started" in text and "±" in text
    assert sorted(tmp_path.iterdir()) == [space]
