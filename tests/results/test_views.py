"""What is shown while a search runs: short, right, and never in the search's way."""

from __future__ import annotations

import errno
import io
import math
import os
import pty
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from animesearch.results.live import LiveView
from animesearch.results.plain import PAUSE, PlainView
from animesearch.results.progress import Plan, Progress
from animesearch.results.records import Event
from animesearch.results.state import RunState, fold
from animesearch.results.views import GuardedView, View, make_view
from tests.results.scripted_run import (
    RUNGS,
    created,
    decided,
    ended,
    final,
    race,
    reported,
    rescored,
    started,
)

PLAN = Plan("progan-32", "fd-lite0", 10, 32000, RUNGS)
TICK = {"images": 1500, "images_per_second": 400.0, "loss_d": 0.6, "loss_g": 1.9}
ODD: list[dict[str, Any]] = [
    {},
    {"images": None, "images_per_second": "fast", "loss_d": math.nan},
    {"images": math.inf, "images_per_second": -3.0, "loss_g": -1e300},
    {"images": -5, "images_per_second": math.inf, "else": "[/]"},
]


class Clock:
    """Seconds that go on only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def console(width: int = 100) -> Console:
    return Console(width=width, height=40, file=io.StringIO(), force_terminal=False)


def text_of(console: Console) -> str:
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def show(view: View, events: list[Event], after: Callable[[Event], None] = lambda _: None) -> None:
    state = RunState()
    for event in events:
        state.apply(event)
        view.event(event, state)
        after(event)


def lines_of(events: list[Event], **options: Any) -> list[str]:
    """The plain view's lines without the time of day."""
    target = console()
    with PlainView(target, PLAN) as view:
        show(view, events, **options)
    return [line[10:] for line in text_of(target).splitlines()]


# -- the plain view ------------------------------------------------------------------------------


def test_a_rung_and_its_decision_stand_on_one_line() -> None:
    events = [created(0, lr=0.1), started(0), reported(0, 1, 5120.34)]
    events.append(decided(0, 1, "stop", "worse than 2 of 3 at this rung"))
    events.append(ended(0, "pruned", images=8000))
    assert lines_of(events) == [
        "t0000  start      lr=0.1",
        "t0000  rung          8.0 kimg  fd-lite0   5120.3  stop: worse than 2 of 3 at this rung",
    ]


def test_a_report_without_a_decision_is_told_as_well() -> None:
    events = [created(0, lr=0.1), reported(0, 0, 10.0), created(1, lr=0.2), reported(1, 0, 9.0)]
    assert lines_of(events) == [
        "t0000  rung          4.0 kimg  fd-lite0    10.00",
        "t0001  rung          4.0 kimg  fd-lite0    9.000",
    ]


def test_every_end_is_told_with_its_reason() -> None:
    lines = "\n".join(lines_of(race()))
    assert "t0003  collapsed     6.0 kimg  mode-collapse" in lines
    assert "t0004  failed        0.0 kimg  worker died: [bold]out of memory[/bold]" in lines
    assert "t0000  done         32.0 kimg  fd-lite0   4534.1  best" in lines
    assert "t0005  again      fd-lite0   4630.2  on 2000 fresh samples" in lines
    assert lines.splitlines()[0] == "progan-32: 10 trials of up to 32.0 kimg"
    assert lines.splitlines()[-1] == "search complete"


def test_a_resumed_search_says_so() -> None:
    events = race()[:-3]
    events.append(events[0].model_copy(update={"session": 2}))
    events.append(created(6, lr=0.1))
    events.append(started(6, attempt=2))
    lines = lines_of(events)
    assert "progan-32: 10 trials of up to 32.0 kimg, resumed with 6 finished" in lines
    assert any("t0006  start      attempt 2 from 0.0 kimg  lr=0.1" in line for line in lines)


def test_lines_are_never_broken_however_long() -> None:
    target = console(width=40)
    with PlainView(target, PLAN) as view:
        view.note("x" * 300)
    assert len(text_of(target).splitlines()) == 1


def test_ticks_of_all_trials_together_give_a_line_in_ten_seconds() -> None:
    clock, target = Clock(), console()
    view = PlainView(target, PLAN, clock)
    show(view, [created(0), started(0), created(1), started(1)])
    before = len(text_of(target).splitlines())
    for second in range(1, 61):
        clock.seconds = second
        for number in (0, 1):
            view.tick(f"t{number:04d}", {**TICK, "images": 400 * second})
    lines = text_of(target).splitlines()[before:]
    assert len(lines) == 60 / PAUSE
    assert "2 running" in lines[-1] and "800 img/s" in lines[-1]
    assert "0 of 10 ended" in lines[-1] and "left (estimate)" in lines[-1]


def test_stages_are_told_at_their_start_now_and_then_and_at_their_end() -> None:
    clock, target = Clock(), console()
    view = PlainView(target, PLAN, clock)
    for second in range(31):
        clock.seconds = second
        view.stage("preparing images", second * 100, 3000)
    view.stage("cached", 5, 5)
    view.stage("nothing to do", 0, 0)
    lines = [line[10:] for line in text_of(target).splitlines()]
    assert lines == [
        "preparing images: 0 of 3,000",
        "preparing images: 1,000 of 3,000",
        "preparing images: 2,000 of 3,000",
        "preparing images: 3,000 of 3,000 in 30 s",
        "cached: 5 of 5 in 0 s",
    ]


# -- the estimate --------------------------------------------------------------------------------


def test_expected_images_halve_at_each_rung() -> None:
    assert PLAN.remaining() == 4000 + 4000 / 2 + 8000 / 4 + 16000 / 8
    assert PLAN.remaining(4000) == 4000 + 8000 / 2 + 16000 / 4
    assert PLAN.remaining(30000) == 2000
    assert PLAN.remaining(32000) == PLAN.remaining(40000) == 0
    assert Plan("x", "fid", 1, 32000).remaining(2000) == 30000
    assert Plan("x", "fid", 1, 27, (1, 3, 9, 27)).remaining() == pytest.approx(
        1 + 2 / 3 + 6 / 9 + 18 / 27
    )


def test_the_time_left_follows_from_what_this_session_trained() -> None:
    clock = Clock()
    progress = Progress(Plan("x", "fid", 2, 10_000), clock)
    state = fold([created(0), started(0), reported(0, 0, 5.0)])
    opened = race()[0]
    state.apply(opened)
    progress.observe(opened, state)
    again = started(0, attempt=2)
    state.apply(again)
    progress.observe(again, state)
    assert progress.overview().seconds_left is None
    clock.seconds = 20.0
    progress.tick("t0000", {"images": 6000})
    overview = progress.overview()
    assert overview.done_images == 6000
    assert overview.rate == pytest.approx(100.0), "the 4,000 images of the first session not in it"
    assert overview.seconds_left == pytest.approx((4000 + 10_000) / 100)
    assert overview.to_start == 1


def test_the_overview_of_a_whole_race() -> None:
    progress, state = Progress(PLAN), RunState()
    for event in race():
        state.apply(event)
        progress.observe(event, state)
    overview = progress.overview()
    assert dict(overview.counts) == {"completed": 2, "pruned": 2, "collapsed": 1, "failed": 1}
    assert overview.best is not None and overview.best.trial_id == "t0000"
    assert overview.stops == {"race": 2, "mode-collapse": 1, "fault": 1}
    assert overview.done_images == 32000 + 4000 + 8000 + 6000 + 0 + 32000
    assert overview.expected_images == overview.done_images + 4 * 10_000
    assert overview.most_images == 320_000


def test_a_fresh_score_is_the_best_one_even_beside_a_lower_race_score() -> None:
    progress, state = Progress(PLAN), RunState()
    for event in race()[:-2]:
        state.apply(event)
        progress.observe(event, state)
    best = progress.overview().best
    assert best is not None and (best.trial_id, best.score) == ("t0005", 4630.2)


def test_a_collapsed_trial_is_never_the_best() -> None:
    progress, state = Progress(PLAN), RunState()
    for event in [created(0), reported(0, 0, 1.0), ended(0, "collapsed", reason="nonfinite")]:
        state.apply(event)
        progress.observe(event, state)
    assert progress.overview().best is None


# -- the live view -------------------------------------------------------------------------------


def drawn(view: LiveView, width: int = 100) -> str:
    target = console(width)
    target.print(view.render())
    return text_of(target)


def live(events: list[Event], ticks: bool = True) -> LiveView:
    view = LiveView(console(), PLAN, Clock())
    state = RunState()
    for event in events:
        state.apply(event)
        view.event(event, state)
    for trial in state.by_state("running") if ticks else []:
        view.tick(trial.trial_id, TICK)
    return view


def test_the_live_view_shows_the_state_of_the_search() -> None:
    events = [*race()[:-3], created(6), started(6), created(7), started(7), reported(7, 0, 5000.5)]
    text = drawn(live(events))
    assert "2 running, 2 completed, 2 pruned, 1 collapsed, 1 failed, 2 to come" in text
    assert re.search(r"best +4500\.0 fd-lite0 +t0005 +progan wgan-gp", text)
    assert "race 2 (4.0 kimg: 1, 8.0 kimg: 1), mode-collapse 1, fault 1" in text
    assert "800 img/s" in text
    assert re.search(r"t0007 +4\.0/32 +4\.0 +5000\.5 +400 +0\.6 +1\.9", text)


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_numbers_of_running_trials_stay_whole(width: int) -> None:
    events = [created(0), started(0), reported(0, 0, 5000.5)]
    text = drawn(live(events), width)
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        assert "5000.5" in text and "4.0/32" in text


def test_more_running_trials_than_lines_are_counted() -> None:
    events = [event for number in range(60) for event in (created(number), started(number))]
    text = drawn(live(events))
    assert len(text.splitlines()) < 40
    assert re.search(r"\d+ more running", text)


def test_stages_and_notes_are_shown_and_go() -> None:
    view = live([])
    view.stage("preparing images", 2000, 4000)
    view.note("a [red]note[/red]\x1b[2J")
    text = drawn(view)
    assert "preparing images 2000/4000" in text and "a [red]note[/red] [2J" in text
    assert "\x1b" not in text
    view.stage("preparing images", 4000, 4000)
    text = drawn(view)
    assert "preparing images 4000/4000" not in text
    assert "preparing images: 4,000 of 4,000" in text


def test_a_drawing_thread_and_the_search_do_not_meet() -> None:
    """Draws without pause while trials come and go; any fault of drawing shows in its text."""
    view, state = LiveView(console(), PLAN), RunState()
    texts: list[str] = []
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            texts.append(drawn(view))

    drawer = threading.Thread(target=draw)
    drawer.start()
    for number in range(150):
        for event in (created(number), started(number), reported(number, 0, 10.0 + number)):
            state.apply(event)
            view.event(event, state)
        view.tick(f"t{number:04d}", TICK)
        view.stage("stage", number % 7, 7)
        if number % 2:
            end = ended(number, "pruned")
            state.apply(end)
            view.event(end, state)
    stop.set()
    drawer.join()
    assert len(texts) > 3
    assert not any("could not be drawn" in text for text in texts)


def test_the_live_view_on_a_real_terminal_leaves_it_clean() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as file:
        target = Console(file=file, width=80, height=30, _environ={"TERM": "xterm-256color"})
        view = make_view(target, name="x", metric="fid", trials=2, images=32000, rungs=RUNGS)
        assert isinstance(view, GuardedView) and isinstance(view.inner, LiveView)
        with view:
            show(view, race())
        file.flush()
        seen = b""
        while b"search complete" not in seen or not seen.endswith(b"\x1b[?25h"):
            seen += os.read(master, 65536)
    os.close(master)
    assert b"\x1b[?25l" in seen, "the cursor is hidden while it draws, and shown again"


# -- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PlainView, LiveView])
@pytest.mark.parametrize("metrics", ODD)
def test_odd_ticks_of_known_and_unknown_trials_are_let_pass(
    kind: type[PlainView] | type[LiveView], metrics: dict[str, Any]
) -> None:
    clock, target = Clock(), console()
    view = kind(target, PLAN, clock)

    def tick(event: Event) -> None:
        clock.seconds += 20
        view.tick(getattr(event, "trial_id", "t9999"), metrics)

    show(view, race(), tick)
    if isinstance(view, LiveView):
        assert "could not be drawn" not in drawn(view)


@pytest.mark.parametrize("kind", [PlainView, LiveView])
def test_times_that_are_none_are_let_pass(kind: type[PlainView] | type[LiveView]) -> None:
    view = kind(console(), PLAN, Clock())
    show(view, [created(0), started(0, at=1e300), started(0, at=-1e300), rescored(0, 1.0)])


def test_a_log_file_gets_plain_lines_even_with_forced_colours(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        forced = Console(file=file, _environ={"FORCE_COLOR": "1", "TERM": "xterm"})
        view = make_view(forced, name="x", metric="fid", trials=2, images=100)
        assert isinstance(view, GuardedView) and isinstance(view.inner, PlainView)


class Closed(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EPIPE, "Broken pipe")


def test_an_output_that_fails_does_not_stop_the_search(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # rich points the process's output at nothing when a pipe is closed: give it one to lose.
    monkeypatch.setattr("sys.stdout", (tmp_path / "stdout").open("w"))
    target = Console(file=Closed(), force_terminal=False)
    with make_view(target, name="x", metric="fid", trials=2, images=100) as view:
        show(view, race())
        view.tick("t0000", TICK)
        view.note("still here")
        view.stage("s", 1, 2)
    assert len([record for record in caplog.records if "search goes on" in record.message]) == 1


def test_an_error_of_the_search_itself_passes_through() -> None:
    view = make_view(console(), name="x", metric="fid", trials=2, images=100)
    with pytest.raises(KeyboardInterrupt), view:
        raise KeyboardInterrupt


# -- runs from new seeds --------------------------------------------------------------------------


def finals_begun() -> list[Event]:
    """After the race one run from a new seed has ended and another has begun."""
    model = created(5).model_copy(
        update={"trial_id": "t0005-s0", "number": 9, "phase": "final", "member": 0}
    )
    begun = started(5).model_copy(update={"trial_id": "t0005-s0"})
    return [*race()[:-1], *final(0, 0, 4500.0), model, begun]


def test_final_runs_are_no_trials_of_the_race_but_their_images_count() -> None:
    plan = Plan("progan-32", "fd-lite0", 6, 32000, RUNGS, finals=3)
    progress = Progress(plan)
    state = RunState()
    for event in finals_begun():
        state.apply(event)
        progress.observe(event, state)
    progress.tick("t0005-s0", {"images": 2000})
    overview = progress.overview()
    assert sum(overview.counts.values()) == 6 and overview.to_start == 0
    assert [row.trial_id for row in overview.running] == ["t0005-s0"]
    raced = sum(trial.images for trial in state.of_phase("race"))
    assert overview.done_images == raced + 32000 + 2000
    assert overview.expected_images == overview.done_images + 30000 + 32000
    assert overview.most_images == 9 * 32000


def test_an_estimate_counts_the_final_runs_to_come() -> None:
    with_finals = Progress(Plan("x", "", 6, 32000, RUNGS, finals=15)).overview()
    without = Progress(Plan("x", "", 6, 32000, RUNGS)).overview()
    assert with_finals.expected_images == without.expected_images + 15 * 32000


def test_lines_of_final_runs_and_of_a_resumed_search_that_has_some() -> None:
    events = finals_begun()
    events.append(events[0].model_copy(update={"session": 2}))
    lines = lines_of(events)
    assert any(line.startswith("t0000-s0  again      fd-lite0   4500.0") for line in lines)
    assert any("resumed with 6 finished and 1 runs from new seeds" in line for line in lines)
