"""A small race, written event by event: the material of the tests of results."""

from __future__ import annotations

from typing import Any

from animesearch.files import content_id
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    Rescored,
    RunClosed,
    RungReported,
    RunInfo,
    RunOpened,
    TrialCreated,
    TrialEnded,
)

RUNGS = (4000, 8000, 16000, 32000)


def run_info(**changes: Any) -> RunInfo:
    values: dict[str, Any] = {
        "name": "progan-32",
        "created": "2025-11-23T12:00:00Z",
        "version": "0.1.0",
        "space_file": "progan.yaml",
        "seed": 0,
        "metric": "fd-lite0",
        "protocol": {"features": "lite0", "samples": 1000, "data": "abc"},
        "rungs": RUNGS,
        "trials": 10,
        "dataset": {"source": "faces", "size": 32},
        "space": {"search": {"trials": 10}},
        "environment": {"cores": 2},
    }
    return RunInfo(**{**values, **changes})


def created(number: int, at: float = 0.0, **params: Any) -> TrialCreated:
    params = params or {
        "architecture": "progan" if number % 2 else "penn-dcgan",
        f"architecture.{'progan' if number % 2 else 'penn-dcgan'}.width": 16 + 8 * (number % 3),
        "loss": ("ns", "lsgan", "wgan-gp")[number % 3],
        "generator.lr": 1e-4 * (number + 1.234),
        "discriminator.lr": 2.5e-4 / (number + 1),
    }
    return TrialCreated(
        at=at,
        trial_id=f"t{number:04d}",
        number=number,
        config_id=content_id(params),
        seed=number,
        params=params,
        config={"batch": 64, **params},
    )


def started(number: int, at: float = 0.0, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(at=at, trial_id=f"t{number:04d}", attempt=attempt)


def reported(
    number: int, rung: int, score: float, at: float = 0.0, attempt: int = 1, **metrics: Any
) -> RungReported:
    return RungReported(
        at=at,
        trial_id=f"t{number:04d}",
        attempt=attempt,
        rung=rung,
        images=RUNGS[rung],
        score=score,
        metrics=metrics,
    )


def decided(
    number: int, rung: int, action: str, why: str = "1 of 2 at this rung", at: float = 0.0
) -> Decided:
    return Decided(at=at, trial_id=f"t{number:04d}", rung=rung, action=action, why=why)


def ended(number: int, state: str, at: float = 0.0, **values: Any) -> TrialEnded:
    return TrialEnded(at=at, trial_id=f"t{number:04d}", state=state, **values)


def final(
    number: int,
    member: int,
    score: float | None,
    state: str = "completed",
    samples: int = 5000,
    floor: float | None = None,
    **metrics: Any,
) -> list[Event]:
    """A run of trial ``number``'s configuration from another seed, with its fresh score."""
    model = created(number)
    trial_id = f"{model.trial_id}-s{member}"
    identity = {"trial_id": trial_id, "number": 100 + 10 * number + member, "seed": 900 + member}
    events: list[Event] = [
        model.model_copy(update={**identity, "phase": "final", "member": member}),
        reported(number, 3, 1 + (score or 0.0), **metrics).model_copy(
            update={"trial_id": trial_id}
        ),
        TrialEnded(at=0.0, trial_id=trial_id, state=state, images=32000),  # type: ignore[arg-type]
    ]
    if score is not None:
        fresh = {"score": score, "samples": samples, "first_latent": 1000, "floor": floor}
        events.append(Rescored.model_validate({"at": 0.0, "trial_id": trial_id, **fresh}))
    return events


def rescored(number: int, score: float, at: float = 0.0) -> Rescored:
    return Rescored(
        at=at, trial_id=f"t{number:04d}", score=score, samples=2000, first_latent=10_000
    )


def race(start: float = 1_763_900_000.0) -> list[Event]:
    """Six trials: two complete, two pruned, one collapsed, one failed; two scored again."""
    events: list[Event] = [RunOpened(at=start, session=1)]
    clock = start

    def later(seconds: float) -> float:
        nonlocal clock
        clock += seconds
        return clock

    def climb(number: int, scores: list[float], stop: str = "") -> None:
        events.append(created(number, later(1)))
        events.append(started(number, later(1)))
        for rung, score in enumerate(scores):
            events.append(
                reported(
                    number,
                    rung,
                    score,
                    later(5),
                    device_seconds=RUNGS[rung] / 800,
                    metric_seconds=0.5,
                    noise=12.5,
                )
            )
            last = stop and score == scores[-1]
            events.append(
                decided(
                    number,
                    rung,
                    "stop" if last else "continue",
                    stop or "1 of 2 at this rung, the best 1 go on",
                    clock,
                )
            )

    climb(0, [5644.0, 5383.2, 5052.0, 4534.1])
    events.append(ended(0, "completed", later(0), images=32000, told=4534.1))
    climb(1, [5700.0], stop="2 of 2 at this rung, the best 1 go on")
    events.append(ended(1, "pruned", later(0), images=4000))
    climb(2, [5500.0, 5400.0], stop="2 of 2 at this rung, the best 1 go on")
    events.append(ended(2, "pruned", later(0), images=8000))
    climb(3, [5100.0])
    events.append(ended(3, "collapsed", later(3), reason="mode-collapse", images=6000, told=8550.0))
    events.append(created(4, later(1)))
    events.append(started(4, later(1)))
    events.append(ended(4, "failed", later(1), message="worker died: [bold]out of memory[/bold]"))
    climb(5, [5300.0, 5000.0, 4600.0, 4500.0])
    events.append(ended(5, "completed", later(0), images=32000, told=4500.0))
    events.append(rescored(5, 4630.2, later(2)))
    events.append(rescored(0, 4590.9, later(2)))
    events.append(RunClosed(at=later(1), outcome="complete"))
    return events
