"""Two who resume one run: the second refuses; and whose place is free when a driver was killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from animesearch import cli
from animesearch.files import write_json
from animesearch.results.opening import new_run, run_to_read
from animesearch.storage.cache import server
from animesearch.storage.places import is_uri, key_of
from animesearch.storage.store import Store
from animesearch.tuning import launch
from animesearch.tuning.prepare import load_search
from tests.faults.checks import moments, nothing_left, same_search
from tests.faults.driver import AT
from tests.faults.keeping.search import HOLD, Arrivals, leave_word, signal_all, stopped
from tests.faults.machines import Machines, alive, until
from tests.results.scripted_run import run_info
from tests.tuning.scripted_driver import wait_until
from tests.tuning.small import write_space

ROOT = Path(__file__).parents[3]
TRIALS, REPORTS, SECONDS = 14, 24, 0.1
KILLED = {"folder": (2,), "url": (1, 3)}
"""At which of the moments the first one is killed then."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def begin(place: str, folder: Path) -> None:
    """A run that ``animesearch resume`` takes for one of its own."""
    search = load_search(str(write_space(folder)), [], ())
    run = new_run(place)
    run.make()
    options = search.config.dataset.model_dump(mode="json")
    with run.lock(new=True):
        run.space_file.write_text(search.space.text)
        write_json(run.path / launch.OVERRIDES, [])
        run.write_info(run_info(space=launch._searched(search), dataset={"options": options}))
        run.publish("space.yaml", launch.OVERRIDES, "run.json")


class Resumed:
    """A process that resumes the search at ``place``, as on a machine of its own: its copy of what
    lives at a URI is nobody else's.  What it says is in a file."""

    all: ClassVar[list[Resumed]] = []

    def __init__(self, place: str, words: Path, address: str) -> None:
        own = words.with_name(f"resumed-{len(self.all)}")
        self.all.append(self)
        copy = own / "runs" / key_of(place, server(place))
        self.folder, self.log = copy if is_uri(place) else Path(place), own / "log.txt"
        self.arrivals = Arrivals(self.folder)
        own.mkdir()
        arguments = [place, str(TRIALS), str(words), str(SECONDS), address]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.keeping.resuming", *arguments],
                cwd=ROOT,
                env={**os.environ, "ANIMESEARCH_CACHE": str(own)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self, reports: int) -> None:
        """Until it knows of so many scores."""
        wait_until(self.process, lambda: self.arrivals.count() >= reports)

    def said(self) -> str:
        return self.log.read_text()


def one_of_two(place: str, words: Path, address: str) -> Resumed:
    """Two start at the same moment; the one that holds the run, when the other has refused.

    They may step back for each other for some seconds: meanwhile the search must not end.
    """
    leave_word(words / HOLD, "")
    both = [Resumed(place, words, address) for _ in range(2)]
    until(lambda: any(one.process.poll() is not None for one in both), "one of two has ended")
    (words / HOLD).unlink()
    lost, first = sorted(both, key=lambda one: one.process.poll() is None)
    assert lost.process.returncode == cli.USER_MISTAKE, lost.said()
    assert f"{place} is in use: another animesearch process" in lost.said()
    return first


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    """Also where a test fails."""
    yield
    for one in Resumed.all:
        one.process.kill()
        one.process.wait(30)


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_two_at_once(
    ray: Machines,
    url: str,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """At five moments a second one is refused and touches nothing, and the first goes on.  Where
    that is killed its place is free at once, and of two that come together one takes it."""
    place, words = url if kind == "url" else str(tmp_path / "run"), tmp_path / "words"
    begin(place, tmp_path / "space")
    monkeypatch.setattr(sys, "argv", ["animesearch", "resume", place])
    holder, sessions = Resumed(place, words, ray.address), 1
    for number, reports in enumerate(moments(7, REPORTS)):
        holder.wait(max(reports, holder.arrivals.count() + 1))
        refused_without_a_trace(place, holder, words, capfd)
        holder.wait(holder.arrivals.count() + 1)
        if number in KILLED[kind]:
            holder.process.kill()
            holder.process.wait(30)
            holder, sessions = one_of_two(place, words, ray.address), sessions + 1
    assert holder.process.wait(120) == launch.DONE, holder.said()
    state = same_search(holder.folder, TRIALS)
    assert state.sessions == sessions and run_to_read(place).state() == state
    nothing_left(words)
    if is_uri(place):
        assert not any(name.startswith("lock/") for name in Store.open(place).entries())


def refused_without_a_trace(
    place: str, holder: Resumed, words: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While the first stands still, with its trial: so all that changes is the second's doing."""
    still = freeze(holder.process.pid, words)
    try:
        before = settled(place, holder)
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert contents(place, holder) == before
    finally:
        signal_all(signal.SIGCONT, *still)
    said = "".join(capfd.readouterr())
    assert end.value.code == cli.USER_MISTAKE and "Traceback" not in said
    assert said.startswith(f"animesearch: {place} is in use: another animesearch process")
    assert len(said.splitlines()) == 1


def freeze(driver: int, words: Path) -> list[int]:
    """SIGSTOP to the driver and to all trials."""
    trials = {int(file.read_text()) for file in (words / AT).glob("*")}
    still = [driver, *(pid for pid in trials if alive(pid))]
    signal_all(signal.SIGSTOP, *still)
    until(lambda: all(stopped(pid) for pid in still), "they stand still")
    return still


def settled(place: str, holder: Resumed) -> dict[str, object]:
    """:func:`contents`, once what the first one had sent has arrived in the store as well."""
    looks = [contents(place, holder)]

    def quiet() -> bool:
        looks.append(contents(place, holder))
        return looks[-3:] == [looks[-1]] * 3

    until(quiet, "nothing is on its way any more")
    return looks[-1]


def contents(place: str, holder: Resumed) -> dict[str, object]:
    """Every file of the first one's folder, and every object where the run lives."""
    found: dict[str, object] = {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in holder.folder.rglob("*")
        if path.is_file()
    }
    if not is_uri(place):
        return found
    return found | dict(Store.open(place).entries())
