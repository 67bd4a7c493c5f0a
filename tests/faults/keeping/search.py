"""A search under Ray Tune whose trials train nothing, but keep real checkpoints with the run.

Everything else is the product's: the run's folder or URI and its lock, the journal that waits for
room, the trial's files and their way to the store.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from animesearch.results.folder import RunFolder
from animesearch.results.state import RunState
from animesearch.results.web.tail import JournalTail
from animesearch.storage.patience import Patience
from animesearch.tuning.bridge import KEY
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.resources import Allotment
from animesearch.tuning.trialfiles import TrialFiles, reporting, run_root
from tests.faults.driver import tell_process
from tests.faults.machines import until
from tests.storage.disks import fill
from tests.tuning.scripted import NOISE, RUNGS, SilentView, open_race, score_of

WEIGHTS = 40_000
"""Numbers in a checkpoint: 160 kB."""
BEGUN, FULL, CLOCK, HOLD = "begun", "full", "clock", "hold"
"""In the folder of words: rungs that a trial had when it was taken up; bytes that the next
checkpoint finds free; seconds by which the clocks are wrong; no rung ends while it is there."""


class Listening(SilentView):
    """A view that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def hear(self, *words: str, since: int = 0) -> None:
        """Wait for a remark with all these words."""

        def there() -> bool:
            return any(all(word in text for word in words) for text in self.said[since:])

        until(there, f"somebody says {words}")


class Arrivals:
    """What a journal holds that somebody else writes; a look reads only what is new."""

    def __init__(self, run: Path) -> None:
        self._tail = JournalTail(run / "journal")

    def look(self) -> RunState:
        """The state by now."""
        self._tail.refresh()
        return self._tail.state

    def count(self) -> int:
        """Scores that have arrived."""
        return len(self.look().reports)

    def wait(self, reports: int) -> None:
        """Until so many have."""
        until(lambda: self.count() >= reports, f"{reports} scores have arrived")


class Meanwhile:
    """Does ``work`` in a thread while the search goes on in this one; its failure is the test's."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure
        assert not self._thread.is_alive(), "every fault struck"

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:  # noqa: BLE001 - raised where the test looks
            self._failure = failure


class WrongClock:
    """``time.time``, but for the seconds that a file says."""

    right = staticmethod(time.time)

    def __init__(self, words: Path) -> None:
        self._file = words / CLOCK

    def __call__(self) -> float:
        return self.right() + read_number(self._file)


def read_number(file: Path) -> int:
    """0 where there is none."""
    return int(file.read_text()) if file.exists() else 0


def leave_word(file: Path, text: object) -> None:
    """Whole or not at all: somebody may be looking."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}")
    partial.write_text(str(text))
    partial.replace(file)


def keeping_trial(config: dict[str, Any], shared: Mapping[str, Any]) -> None:
    """Each rung adds 1 to all weights, and the score is that of the rungs that they tell."""
    import torch
    from ray import tune

    from animesearch.trainers.checkpoint import latest_checkpoint

    name, words = config[KEY]["trial_id"], Path(shared["words"])
    tell_process(words, name)
    if not isinstance(time.time, WrongClock):
        time.time = WrongClock(words)  # type: ignore[assignment]
    patience = reporting(tune.report)
    files = TrialFiles(run_root(shared["folder"], shared["uri"]), shared["uri"], name, patience)
    files.fetch()
    place = files.root / files.place / "checkpoints"
    found = latest_checkpoint(place, patience.tell)
    weights = found[1]["weights"] if found else torch.zeros(WEIGHTS)
    leave_word(words / BEGUN / name, int(weights.mean()))
    if found:
        tune.report(found[1]["report"])
    while (rung := int(weights.mean())) < len(RUNGS):
        _train(shared["seconds"], words)
        weights += 1
        score = score_of(config[KEY]["trial"], rung)
        report = {"rung": rung, "images": RUNGS[rung], "score": score, "noise": NOISE}
        _fill_disk(words, files.root.parent)
        _save(place, {"weights": weights, "report": report}, patience)
        files.push()
        tune.report(report)


def _train(seconds: float, words: Path) -> None:
    """What a rung takes."""
    time.sleep(seconds)
    while (words / HOLD).exists():
        time.sleep(0.02)


def _save(place: Path, payload: dict[str, Any], patience: Patience) -> None:
    from animesearch.trainers.checkpoint import CheckpointInfo, save_checkpoint

    report = payload["report"]
    info = CheckpointInfo(report["images"], report["score"], healthy=True)
    patience(lambda: save_checkpoint(place, payload, info), f"writing a checkpoint to {place}")


def _fill_disk(words: Path, disk: Path) -> None:
    if (words / FULL).exists():
        fill(disk, leave=read_number(words / FULL))
        (words / FULL).unlink()


def drive_keeping(
    run: RunFolder, trials: int, words: Path, view: Listening, seconds: float = 0.1
) -> tuple[bool, RunState]:
    """Run or resume on the Ray that this process is connected to; the run must be there."""
    with run.lock():
        return drive_held(run, trials, words, view, seconds)


def drive_held(
    run: RunFolder, trials: int, words: Path, view: Listening, seconds: float
) -> tuple[bool, RunState]:
    """As :func:`drive_keeping`, by whoever holds the run."""
    words.mkdir(exist_ok=True)
    run.wait_patiently(Patience(view.note))
    journal, clock = run.open_journal(), WrongClock(words)
    race = open_race(run.journal, trials, view=view, journal=journal, clock=clock)
    shared = {"folder": str(run.path), "uri": run.uri, "words": str(words), "seconds": seconds}
    allotment = Allotment(cpu=1.0, gpu=1.0, data_cpu=0.0, concurrency=1, workers=0)
    complete = run_round(race, Job(keeping_trial, shared, allotment, run.path / "tune", retries=1))
    return complete, race.state


def leftovers(run: RunFolder) -> list[Path]:
    """Temporary files of whoever was disturbed while he wrote."""
    found = [*run.path.glob(".*"), *run.journal.glob(".*"), *(run.path / "trials").rglob(".*")]
    return [path for path in found if path.name != ".lock"]


def check_checkpoints(run: RunFolder) -> None:
    """Every file that has the name of a checkpoint is whole."""
    from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint

    for place in (run.path / "trials").glob("*/checkpoints"):
        for path in checkpoint_files(place):
            rungs = load_checkpoint(path)["weights"].mean()
            assert RUNGS[int(rungs) - 1] == int(path.stem.rpartition("-")[2])


def environment_of_processes() -> dict[str, str]:
    """For the environment in which a cluster starts: short pauses, and this package's place."""
    from animesearch.storage.patience import PAUSE

    return {PAUSE: "0.2", "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}


def stopped(pid: int) -> bool:
    """Whether a process stands still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def signal_all(signum: int, *pids: int) -> None:
    """The same to each of them."""
    for pid in pids:
        os.kill(pid, signum)
