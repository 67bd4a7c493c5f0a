"""The store of a run answers errors for a while; the search waits, and comes out the same."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.results.opening import existing_run, new_run, run_to_read
from animesearch.storage.store import Store
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.keeping.search import (
    Arrivals,
    Listening,
    Meanwhile,
    check_checkpoints,
    drive_keeping,
    leftovers,
)
from tests.faults.machines import Machines, until
from tests.results.scripted_run import run_info
from tests.storage.servers import S3, Way

TRIALS, REPORTS = 14, 24
WAYS: tuple[tuple[Way, float], ...] = (
    ("busy", 30.0), ("busy", 1.0), ("refuse", 1.0), ("refuse", 2.0), ("full", 1.0),
)  # fmt: skip
"""How the store fails, and for how many seconds."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def begun(url: str) -> RunFolder:
    run = new_run(url)
    run.make()
    with run.lock(new=True):
        run.write_info(run_info())
        run.publish("run.json")
    return existing_run(url)


def test_a_store_that_answers_errors(
    ray: Machines, s3: S3, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At five moments, in turn for 30 s and shortly; nothing is decided meanwhile."""
    run, words, view = begun(url), tmp_path / "words", Listening()
    arrivals = Arrivals(run.path)
    ways = random.Random(4).sample(WAYS, len(WAYS))

    def fault() -> None:
        for reports, (way, seconds) in zip(moments(4, REPORTS), ways, strict=True):
            arrivals.wait(reports)
            try:
                lose(s3, arrivals, view, way, seconds)
            finally:
                s3.proxy.fail("pass")

    with Meanwhile(fault):
        complete, _ = drive_keeping(run, TRIALS, words, view)
    assert complete
    state = same_search(run.path, TRIALS)
    assert {trial.attempt for trial in state.trials.values()} == {1}
    nothing_left(words)
    assert run_to_read(url).state() == state
    assert not any(name.startswith("lock/") or ".tmp" in name for name in Store.open(url).entries())
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "elsewhere"))
    there = existing_run(url)
    there.fetch("journal", "trials")
    assert len(list((there.path / "trials").glob("*/checkpoints/*"))) >= TRIALS
    for copy in (run, there):
        check_checkpoints(copy)
        assert leftovers(copy) == []


def lose(s3: S3, arrivals: Arrivals, view: Listening, way: Way, seconds: float) -> None:
    """The store fails for so long, and is back when this returns and the search goes on."""
    heard, began = len(view.said), time.monotonic()
    s3.proxy.fail(way)
    view.hear("no room left" if way == "full" else "storage is lost", "paused", since=heard)
    before = arrivals.count()
    until(lambda: time.monotonic() - began >= seconds, "the fault is over")
    assert arrivals.count() == before
    s3.proxy.fail("pass")
    view.hear("works again", since=heard)
