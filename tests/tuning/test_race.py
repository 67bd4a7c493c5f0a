"""The race: hands out, decides, journals; interrupted and resumed it is the same race."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.errors import RunFolderError
from animesearch.registry import Options
from animesearch.results.journal import Journal, read_journal, segments
from animesearch.results.ranking import rank
from animesearch.results.records import TrialCreated
from animesearch.results.state import fold
from animesearch.searchspace.space import parse_space
from animesearch.trainers.checkpoint import CheckpointInfo, save_checkpoint
from animesearch.trainers.config import StartOptions
from animesearch.tuning.race import PENALTY, replay
from animesearch.tuning.samplers import Grid, RandomSearch
from animesearch.tuning.schedulers import SCHEDULERS
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.schedulers.none import NoScheduler
from tests.tuning.scripted import (
    RUNGS,
    Workers,
    arrivals_of,
    open_race,
    outcome,
    score_of,
    scripted_space,
)


def undisturbed(folder: Path, trials: int, workers: int, **options: object) -> list:
    race = open_race(folder, trials, **options)  # type: ignore[arg-type]
    Workers(race, workers).run()
    return outcome(race.state)


def test_every_trial_ends_and_some_are_stopped(tmp_path: Path) -> None:
    result = undisturbed(tmp_path, 12, 2)
    states = [row[3] for row in result]
    assert len(result) == 12
    assert set(states) == {"completed", "pruned"}
    assert states.count("pruned") >= 2


def test_a_close_loser_is_spared_and_the_journal_says_why(tmp_path: Path) -> None:
    race = open_race(tmp_path, 30)
    Workers(race, 2).run()
    words = [d.why for t in race.state.trials.values() for d in t.decisions.values()]
    assert any("its interval of ±0.98 crosses the cut" in why and "spared" in why for why in words)
    assert replay(Asha(), race.state, RUNGS) == []
    assert replay(Asha(doubt=0), race.state, RUNGS) != []


def test_same_seed_same_thirty_configurations(tmp_path: Path) -> None:
    one = undisturbed(tmp_path / "a", 30, 1)
    two = undisturbed(tmp_path / "b", 30, 1)
    other = undisturbed(tmp_path / "c", 30, 1, seed=1)
    assert one == two
    assert [row[1] for row in one] != [row[1] for row in other]
    assert len({row[1] for row in one}) == 30


def test_tpe_uses_what_it_was_told(tmp_path: Path) -> None:
    def mean_of_late(sampler: object) -> float:
        race = open_race(tmp_path / str(sampler), 40, NoScheduler(), sampler)  # type: ignore[arg-type]
        Workers(race, 1).run()
        trials = list(race.state.trials.values())[20:]
        return sum(score_of(t.config, 3) for t in trials) / len(trials)

    from animesearch.tuning.samplers import Tpe

    assert mean_of_late(Tpe()) < mean_of_late(RandomSearch())


@pytest.mark.parametrize("scheduler", [s for s in SCHEDULERS if s.engine == "journal"])
@pytest.mark.parametrize("workers", [1, 3])
def test_interrupted_anywhere_it_is_the_same_race(
    tmp_path: Path, scheduler: type, workers: int
) -> None:
    """Killed after any report and resumed, the race makes the kills of the undisturbed one."""
    expected = undisturbed(tmp_path / "whole", 14, workers, scheduler=scheduler())
    total = len(arrivals_of(fold(read_journal(tmp_path / "whole"))))
    for cut in {0, 1, total // 3, total // 2, total - 1}:
        folder = tmp_path / f"cut{cut}"
        Workers(open_race(folder, 14, scheduler()), workers).run(cut)
        resumed = open_race(folder, 14, scheduler())
        Workers(resumed, workers).run()
        assert outcome(resumed.state) == expected, f"cut after {cut} reports"
        assert [r.trial_id for r in rank(resumed.state)] == [
            r.trial_id for r in rank(fold(read_journal(tmp_path / "whole")))
        ]


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 12), max_size=5))
def test_interrupted_many_times(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("race")
    expected = undisturbed(folder / "whole", 13, 2)
    for cut in cuts:
        Workers(open_race(folder / "cut", 13), 2).run(cut)
    last = open_race(folder / "cut", 13)
    Workers(last, 2).run()
    assert outcome(last.state) == expected


@pytest.mark.parametrize("scheduler", [s for s in SCHEDULERS if s.engine == "journal"])
def test_replay_of_the_journal_gives_the_same_decisions(tmp_path: Path, scheduler: type) -> None:
    undisturbed(tmp_path, 12, 3, scheduler=scheduler())
    state = fold(read_journal(tmp_path))
    assert replay(scheduler(), state, RUNGS) == []


def test_replay_names_a_decision_that_another_rule_would_make(tmp_path: Path) -> None:
    undisturbed(tmp_path, 12, 3)
    state = fold(read_journal(tmp_path))
    assert any("was stop" in line for line in replay(NoScheduler(), state, RUNGS))


def test_torn_last_segment_is_as_if_it_had_not_begun(tmp_path: Path) -> None:
    """A driver killed while it writes leaves a temporary file, which nobody reads."""
    expected = undisturbed(tmp_path / "whole", 10, 2)
    folder = tmp_path / "cut"
    Workers(open_race(folder, 10), 2).run(9)
    content = segments(folder)[-1].read_bytes()
    (folder / ".segment.abc").write_bytes(content[: len(content) // 2])
    resumed = open_race(folder, 10)
    Workers(resumed, 2).run()
    assert outcome(resumed.state) == expected


def test_a_rung_reported_twice_counts_once(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    assignment = race.next()
    assert assignment is not None
    metrics = {"rung": 0, "images": 4000, "score": 5.0}
    assert race.report(assignment.trial_id, metrics)
    before = len(segments(tmp_path))
    assert race.report(assignment.trial_id, metrics | {"score": 1.0})
    assert len(segments(tmp_path)) == before
    assert race.state.trials[assignment.trial_id].rungs[0].score == 5.0


def test_last_rung_and_end_are_one_segment(tmp_path: Path) -> None:
    """A driver killed within a moment of a trial's end has it ended or at the rung before."""
    race = open_race(tmp_path, trials=1)
    Workers(race, 1).run()
    last = read_journal(tmp_path)[-3:]
    assert [event.kind for event in last] == ["rung-reported", "decided", "trial-ended"]
    assert b"trial-ended" in segments(tmp_path)[-1].read_bytes()
    assert b"rung-reported" in segments(tmp_path)[-1].read_bytes()


def test_collapse_counts_as_a_bad_result(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    first, second = race.next(), race.next()
    assert first is not None and second is not None
    race.report(first.trial_id, {"rung": 0, "images": 4000, "score": 40.0})
    goes_on = race.report(
        second.trial_id,
        {"images": 500, "verdict": "nonfinite", "evidence": "loss_d is NaN", "device_seconds": 9.5},
    )
    ended = race.state.trials[second.trial_id].ended
    assert not goes_on and ended is not None
    assert (ended.state, ended.reason, ended.message) == ("collapsed", "nonfinite", "loss_d is NaN")
    assert ended.told == PENALTY * 40.0 and ended.device_seconds == 9.5
    assert not race.report(second.trial_id, {"rung": 0, "images": 4000, "score": 1.0})


def test_collapse_before_any_score_has_no_number(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    first = race.next()
    assert first is not None
    race.report(first.trial_id, {"images": 500, "verdict": "explosion"})
    ended = race.state.trials[first.trial_id].ended
    assert ended is not None and ended.told is None


def test_nonfinite_score_is_a_bug(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    first = race.next()
    assert first is not None
    with pytest.raises(ValueError, match="nan"):
        race.report(first.trial_id, {"rung": 0, "images": 4000, "score": float("nan")})


def test_nonfinite_side_metrics_do_not_reach_the_journal(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    first = race.next()
    assert first is not None
    race.report(
        first.trial_id,
        {"rung": 0, "images": 4000, "score": 4.0, "loss_g": float("inf"), "loss_d": 0.5},
    )
    assert race.state.trials[first.trial_id].rungs[0].metrics == {"loss_d": 0.5}


def test_failed_trial_keeps_its_message_and_the_search_goes_on(tmp_path: Path) -> None:
    race = open_race(tmp_path, trials=3)
    first = race.next()
    assert first is not None
    race.ended(first.trial_id, "RuntimeError: out of memory")
    Workers(race, 1).run()
    states = [t.state for t in race.state.trials.values()]
    assert states[0] == "failed" and "failed" not in states[1:]
    ended = race.state.trials[first.trial_id].ended
    assert ended is not None and ended.message == "RuntimeError: out of memory"


def test_after_close_an_unfinished_trial_is_interrupted_not_failed(tmp_path: Path) -> None:
    race = open_race(tmp_path, trials=3)
    first = race.next()
    assert first is not None
    race.close()
    race.ended(first.trial_id)
    assert race.next() is None and race.exhausted
    resumed = open_race(tmp_path, trials=3)
    again = resumed.next()
    assert again is not None and again.trial_id == first.trial_id
    assert again.config == first.config and again.seed == first.seed


def test_second_writer_is_refused(tmp_path: Path) -> None:
    race = open_race(tmp_path)
    intruder = Journal(tmp_path)
    race.next()
    with pytest.raises(RunFolderError, match="another process"):
        intruder.append(race.state.trials["t0000"].created)


def test_grid_tries_each_combination_once(tmp_path: Path) -> None:
    space = scripted_space(
        b"trial: {architecture: {choice: [alpha, beta]}, lr: 0.001, width: {int: [1, 3]}}"
    )
    race = open_race(tmp_path, trials=100, sampler=Grid(), space=space, scheduler=NoScheduler())
    Workers(race, 2).run()
    tried = {(t.config["architecture"], t.config["width"]) for t in race.state.trials.values()}
    assert len(race.state.trials) == 6 == len(tried)


class StartingTrial(Options):
    """A trial that begins with the weights of an earlier run."""

    start: StartOptions


class StartingSpace(Options):
    """A space of such trials."""

    trial: StartingTrial


def test_an_earlier_run_that_was_moved_makes_the_same_trial(tmp_path: Path) -> None:
    """Identity and seed come from the weights, not from where they lie."""
    info = CheckpointInfo(8, None, healthy=True)
    first = save_checkpoint(tmp_path / "first", {"weights": [1.0]}, info)
    other = save_checkpoint(tmp_path / "other", {"weights": [2.0]}, info)
    moved = shutil.copy(first, tmp_path / "moved.ckpt")

    def created(number: int, run: Path) -> TrialCreated:
        text = f"trial: {{start: {{run: {run}}}}}".encode()
        space = parse_space(text, "s.yaml", StartingSpace)
        race = open_race(tmp_path / f"race-{number}", space=space)
        assert race.next() is not None
        return race.state.trials["t0000"].created

    one, two, three = (created(n, run) for n, run in enumerate((first, moved, other)))
    assert (one.config_id, one.seed) == (two.config_id, two.seed)
    assert one.config_id != three.config_id
    assert one.config["start"]["run"] == str(first)


def test_repeated_configuration_gets_another_seed(tmp_path: Path) -> None:
    space = scripted_space(b"trial: {architecture: {choice: [alpha]}, lr: 0.001, width: 2}")
    race = open_race(tmp_path, trials=3, space=space)
    Workers(race, 1).run()
    created = [t.created for t in race.state.trials.values()]
    assert len({c.config_id for c in created}) == 1
    assert len({c.seed for c in created}) == 3
