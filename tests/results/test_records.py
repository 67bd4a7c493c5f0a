"""Events survive their way to the disk; what would not is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from animesearch.results.records import EVENTS, Rescored, RungReported, RunInfo, TrialCreated
from tests.results.scripted_run import created, race, reported, run_info


def test_every_kind_of_event_returns_as_it_was_written() -> None:
    events = race()
    assert EVENTS.validate_json(EVENTS.dump_json(events)) == events


def test_scalars_keep_their_types() -> None:
    params = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": None, "f": 1e-300}
    event = created(0, **params)
    (back,) = EVENTS.validate_json(EVENTS.dump_json([event]))
    assert isinstance(back, TrialCreated)
    assert {name: type(value) for name, value in back.params.items()} == {
        name: type(value) for name, value in params.items()
    }


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_numbers_are_refused_everywhere(bad: float) -> None:
    with pytest.raises(ValidationError):
        reported(0, 0, bad)
    with pytest.raises(ValidationError):
        reported(0, 0, 1.0, loss_d=bad)
    with pytest.raises(ValidationError):
        Rescored(at=0, trial_id="t0000", score=bad, samples=1, first_latent=0)
    with pytest.raises(ValidationError):
        TrialCreated(**{**created(0).model_dump(), "config": {"deep": [{"x": bad}]}})


def test_a_configuration_that_is_not_plain_json_is_refused() -> None:
    with pytest.raises(ValidationError, match="plain JSON"):
        TrialCreated(**{**created(0).model_dump(), "config": {"x": object()}})
    with pytest.raises(ValidationError):
        run_info(space={"x": float("nan")})


@pytest.mark.parametrize("name", ["../t0", "t/0", "", "t 0", "t\x00"])
def test_a_trial_whose_name_leads_out_of_the_run_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        RungReported(at=0, trial_id=name, attempt=1, rung=0, images=1, score=1.0)


def test_unknown_kinds_and_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        EVENTS.validate_python([{"kind": "party", "at": 0}])
    with pytest.raises(ValidationError):
        EVENTS.validate_python([{"kind": "run-opened", "at": 0, "session": 1, "more": 1}])


def test_a_run_from_before_the_floor_loads_without_one() -> None:
    old = run_info().model_dump(mode="json")
    del old["floor"]
    assert RunInfo.model_validate(old).floor is None
    assert run_info(floor=455.5).floor == 455.5
    with pytest.raises(ValidationError):
        run_info(floor=float("nan"))


def test_a_journal_from_before_the_finals_is_one_of_a_race() -> None:
    old = created(0).model_dump(mode="json")
    del old["phase"], old["member"]
    event = TrialCreated.model_validate(old)
    assert (event.phase, event.member) == ("race", 0)
