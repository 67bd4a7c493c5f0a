"""What a trial that has to leave between two rungs sends to where the run lives."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from animesearch.errors import LeavingError
from animesearch.storage.patience import Patience
from animesearch.storage.store import Store
from animesearch.trainers.report import Report
from animesearch.trainers.together import ALONE, Team
from animesearch.tuning import leaving
from animesearch.tuning.trialfiles import TrialFiles
from animesearch.tuning.worker import _tell_all

CHECKPOINT = "trials/t0000/checkpoints/images-000000040.ckpt"


class Leader(Team):
    """The first of two processes; it has not been told anything itself."""

    size = 2


def departing(root: Path) -> Generator[Report, None, None]:
    """A training that leaves after a tick, its checkpoint written."""
    yield Report(images=32)
    (root / CHECKPOINT).parent.mkdir(parents=True)
    (root / CHECKPOINT).write_bytes(b"weights")
    raise LeavingError("saved at 40 images")


@pytest.mark.parametrize("team", [ALONE, Leader()])
def test_the_checkpoint_goes_there(tmp_path: Path, team: Team) -> None:
    (tmp_path / "store").mkdir()
    uri = (tmp_path / "store").as_uri()
    files = TrialFiles(tmp_path / "here", uri, "t0000", Patience())
    told: list[Any] = []
    with pytest.raises(LeavingError):
        _tell_all(departing(tmp_path / "here"), told.append, files, team)
    assert [report["images"] for report in told] == [32]
    assert Store.open(uri).read(CHECKPOINT) == b"weights"


def test_the_end_of_a_process_waits_for_a_save_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a report: Tune, which would answer it, takes such a process for dead."""
    waited: list[float] = []
    monkeypatch.setattr(leaving._idle, "wait", waited.append)
    with leaving.attentive():
        with leaving.answered():
            leaving._hold()
        assert not leaving.told() and not waited
        leaving._hold()
        assert leaving.told() and waited == [leaving.GRACE_S]
    leaving._word.clear()
