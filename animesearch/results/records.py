"""The events of a run's journal, and the description of a run.

Everything that a search decided can be worked out again from these events in their order; they
are written by the driver alone, before the decision acts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter

from animesearch.files import canonical_json
from animesearch.registry import Options

Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**64)]
"""Whoever computes with it as a float must be able to."""
Scalar: TypeAlias = str | bool | Annotated[int, Field(gt=-(2**64), lt=2**64)] | float | None
TrialState: TypeAlias = Literal["pending", "running", "completed", "pruned", "collapsed", "failed"]
FinalState: TypeAlias = Literal["completed", "pruned", "collapsed", "failed"]
Action: TypeAlias = Literal["continue", "stop"]
Phase: TypeAlias = Literal["race", "final"]
"""``race``: the search itself.  ``final``: one of the best configurations, trained again."""


def _plain_json(tree: dict[str, Any]) -> dict[str, Any]:
    """Refuse what JSON would change on its way to the disk and back (NaN becomes null)."""
    try:
        canonical_json(tree)
    except TypeError as error:
        raise ValueError(f"must be plain JSON: {error}") from error
    return tree


Tree: TypeAlias = Annotated[dict[str, Any], AfterValidator(_plain_json)]
TrialId: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""Names a folder too: nothing that leads out of the run folder."""

FORMAT = 1
"""Version of the run folder's format; a reader refuses one that it does not know."""


class RunOpened(Options):
    """A driver began or resumed the run; ``session`` counts them from 1."""

    kind: Literal["run-opened"] = "run-opened"
    at: float
    session: Count


class TrialCreated(Options):
    """A new trial: the sampler gave a configuration, or a finalist's is trained once more.

    ``params`` are the scalars that the sampler chose, by dotted name; ``config`` is the whole
    resolved configuration; ``group`` is the family that it races in.  ``member`` is the place of a
    final trial among those of its configuration, from 0.
    """

    kind: Literal["trial-created"] = "trial-created"
    at: float
    trial_id: TrialId
    number: Count
    config_id: str
    seed: Count
    phase: Phase = "race"
    member: Count = 0
    group: str = ""
    params: dict[str, Scalar]
    config: Tree


class AttemptStarted(Options):
    """A worker took the trial up, for the first time or after an interruption."""

    kind: Literal["attempt-started"] = "attempt-started"
    at: float
    trial_id: TrialId
    attempt: Count


class RungReported(Options):
    """The trial's score at a rung.

    ``rung`` is the rung's index, from 0, in ``RunInfo.rungs``; ``images`` its real images shown
    to D; ``metrics`` what else was measured, finite only.
    """

    kind: Literal["rung-reported"] = "rung-reported"
    at: float
    trial_id: TrialId
    attempt: Count
    rung: Count
    images: Count
    score: float
    metrics: dict[str, Scalar] = Field(default_factory=dict)


class Decided(Options):
    """What the scheduler decided on a report, and the rule's own words for it."""

    kind: Literal["decided"] = "decided"
    at: float
    trial_id: TrialId
    rung: Count
    action: Action
    why: str


class Perturbed(Options):
    """Population based training gave the trial another configuration and another's weights."""

    kind: Literal["perturbed"] = "perturbed"
    at: float
    trial_id: TrialId
    config: Tree


class TrialEnded(Options):
    """The trial will not train further.

    ``reason`` is a reason code for collapsed trials, ``told`` the value that the sampler was
    given (a penalty for collapsed trials), if any; ``device_seconds`` the time of a device that a
    collapsed one has taken, which no rung may have told.
    """

    kind: Literal["trial-ended"] = "trial-ended"
    at: float
    trial_id: TrialId
    state: FinalState
    reason: str = ""
    message: str = ""
    images: Count = 0
    told: float | None = None
    device_seconds: float | None = None


class Rescored(Options):
    """A trial's best checkpoint, scored on fresh samples after its training.

    The ``samples`` latents from number ``first_latent`` on, none of which the race has used.
    ``noise`` is the score's standard error; ``memorisation`` the distance to held-out images minus
    that to as many training images, where some were held out; ``floor`` the distance between two
    disjoint halves of the reals at this number of samples.
    """

    kind: Literal["rescored"] = "rescored"
    at: float
    trial_id: TrialId
    score: float
    samples: Count
    first_latent: Count
    noise: float | None = None
    memorisation: float | None = None
    floor: float | None = None


class RunClosed(Options):
    """The driver ended in order; absent after a crash."""

    kind: Literal["run-closed"] = "run-closed"
    at: float
    outcome: Literal["complete", "interrupted"]


Event: TypeAlias = Annotated[
    RunOpened
    | TrialCreated
    | AttemptStarted
    | RungReported
    | Decided
    | Perturbed
    | TrialEnded
    | Rescored
    | RunClosed,
    Field(discriminator="kind"),
]
EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])


class RunInfo(Options):
    """What a run is: written once, before its first event.

    ``protocol`` says what a score means (features, resize, counts, reference, data digest);
    scores of different protocols are never sorted together.  ``space`` is the validated space
    with every default; ``search`` among it is what ``resume`` goes on with.  ``plugins`` gives the
    SHA-256 of each file in the folder of that name.  ``floor`` is the distance between two disjoint
    halves of the reals at the race's number of samples, what a perfect generator would get there;
    None where it was not measured.
    """

    format: Literal[1] = 1
    name: str
    created: str
    version: str
    space_file: str
    seed: Count
    metric: str
    protocol: Tree
    rungs: tuple[Count, ...]
    trials: Count
    dataset: Tree
    space: Tree
    environment: dict[str, Scalar]
    plugins: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    floor: float | None = None
