"""The Optuna study of a run: made from the journal, told of every trial's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from pydantic import ValidationError

from animesearch.errors import UserError
from animesearch.results.records import Scalar
from animesearch.results.state import RunState, TrialRecord
from animesearch.searchspace.space import Sampled, Space
from animesearch.tuning.recent import IDENTITY, RecentTrials
from animesearch.tuning.samplers import SamplerSpec, derived_seed
from animesearch.tuning.studycopy import StudyCopy

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

Draw = Callable[[str, BaseDistribution], Any]
DRAWS = 100
"""How often a configuration is drawn before a space counts as one of nothing that fits."""

STATES = {
    "completed": TrialState.COMPLETE,
    "collapsed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Suggester:
    """The space's questions, answered by ``draw`` and noted as Optuna distributions."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.distributions: dict[str, BaseDistribution] = {}

    def _ask(self, name: str, distribution: BaseDistribution) -> Any:
        self.distributions[name] = distribution
        return self._draw(name, distribution)

    def categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return self._ask(name, CategoricalDistribution(tuple(choices)))

    def uniform(self, name: str, low: float, high: float, log: bool = False) -> float:
        return float(self._ask(name, FloatDistribution(low, high, log=log)))

    def integer(self, name: str, low: int, high: int, log: bool = False) -> int:
        return int(self._ask(name, IntDistribution(low, high, log=log)))


class Brain:
    """Asks the sampler for configurations and tells it how they ended."""

    def __init__(
        self,
        space: Space,
        sampler: SamplerSpec,
        seed: int,
        copy: StudyCopy | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._spec, self._seed = space, sampler, seed
        grid = sampler.configurations(space, seed)
        self._grid = None if grid is None else [params for params in grid if self._fits(params)]
        self._trials = RecentTrials(sampler.looks_back)
        self._study = optuna.create_study(storage=self._trials)
        self._copy = copy
        self._open: dict[str, Trial] = {}
        self._rungs: tuple[int, ...] = ()

    @property
    def limit(self) -> int | None:
        """The number of configurations there are, for an exhaustive sampler."""
        return None if self._grid is None else len(self._grid)

    def restore(self, state: RunState, rungs: Sequence[int]) -> None:
        """Fill an empty study with the race's trials, in the order of their creation.

        ``rungs`` are the images of the rungs: the steps of the intermediate scores.
        """
        self._rungs = tuple(rungs)
        for record in state.of_phase("race"):
            if record.done:
                self._add(record)
            else:
                self._reopen(record)

    def ask(self, number: int, trial_id: str) -> Sampled:
        """A configuration for trial ``number``.

        A space is checked by its alternatives one at a time, and by twos where they are
        components; what else does not go together is met here, and drawn again.  Raises
        :class:`UserError` where nothing fits.
        """
        problem = ""
        for draw in range(DRAWS):
            trial = self._drawn(number, draw)
            suggester = Suggester(_from_trial(trial))
            try:
                found = self._complete(self._space.sample(suggester))
            except ValidationError as error:
                problem = error.errors()[0]["msg"]
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._begin(trial_id, trial, suggester)
                return found
        raise UserError(
            f"none of {DRAWS} configurations drawn from the space can be trained: {problem}"
        )

    def _drawn(self, number: int, draw: int) -> Trial:
        if self._grid is not None:
            self._study.enqueue_trial(dict(self._grid[number]))
            self._study.sampler = optuna.samplers.RandomSampler(seed=self._seed)
        else:
            self._study.sampler = self._sampler(number, draw)
        return self._study.ask()

    def _fits(self, params: Mapping[str, Scalar]) -> bool:
        try:
            self._complete(Sampled(self._space.resolve(params), dict(params)))
        except ValidationError:
            return False
        return True

    def _complete(self, sampled: Sampled) -> Sampled:
        """With every default filled in: what is recorded is what is trained.

        It is checked within the whole space, whose images and workers do not suit every trial.
        """
        fixed, root = self._space.fixed, self._space.root
        whole = type(fixed).model_validate({**dict(fixed), root: sampled.tree})
        return Sampled(getattr(whole, root).model_dump(mode="json"), sampled.params)

    def report(self, record: TrialRecord, images: int, score: float) -> None:
        """Note a score at a rung, for the model and for other readers of the study."""
        self._open[record.trial_id].report(score, images)
        if self._copy:
            self._copy.report(record.trial_id, images, score)

    def tell(self, record: TrialRecord) -> None:
        """The trial ended as ``record.ended`` says."""
        trial = self._open.pop(record.trial_id)
        for key, told in _attributes(record).items():
            trial.set_user_attr(key, told)
        state, value = _outcome(record)
        ended = self._study.tell(trial, value, state=state)
        if self._copy:
            self._copy.end(record.trial_id, state, ended.value, _attributes(record))

    def close(self) -> None:
        """Let go of the copy's storage."""
        if self._copy:
            study_id = self._trials.get_study_id_from_name(self._study.study_name)
            self._copy.close(self._trials.everything(study_id))

    def _begin(self, trial_id: str, trial: Trial, suggester: Suggester) -> None:
        self._open[trial_id] = trial
        trial.set_user_attr(IDENTITY, trial_id)
        if self._copy:
            frozen = create_trial(
                state=TrialState.RUNNING,
                params={name: trial.params[name] for name in suggester.distributions},
                distributions=suggester.distributions,
                user_attrs={IDENTITY: trial_id},
            )
            self._copy.add(trial_id, frozen)

    def _add(self, record: TrialRecord) -> None:
        frozen = self._frozen(record)
        self._study.add_trial(frozen)
        if self._copy:
            self._copy.add(record.trial_id, frozen)

    def _sampler(self, number: int, draw: int) -> BaseSampler:
        again = (draw,) if draw else ()
        return self._spec.build(derived_seed(self._seed, "sampler", number, *again))

    def _reopen(self, record: TrialRecord) -> None:
        self._study.enqueue_trial(dict(record.params))
        trial = self._study.ask()
        suggester = Suggester(_from_trial(trial))
        self._space.sample(suggester)
        self._begin(record.trial_id, trial, suggester)
        for report in record.rungs.values():
            self.report(record, self._rungs[report.rung], report.score)

    def _frozen(self, record: TrialRecord) -> FrozenTrial:
        suggester = Suggester(lambda name, _: record.params[name])
        self._space.sample(suggester)
        state, value = _outcome(record)
        if state is TrialState.PRUNED and record.last:
            value = record.last.score  # as Study.tell does with the last intermediate value
        return create_trial(
            state=state,
            value=value,
            params={name: record.params[name] for name in suggester.distributions},
            distributions=suggester.distributions,
            user_attrs=dict(_attributes(record)),
            intermediate_values={self._rungs[r.rung]: r.score for r in record.rungs.values()},
        )


def _from_trial(trial: Trial) -> Draw:
    def draw(name: str, distribution: BaseDistribution) -> Any:
        if isinstance(distribution, CategoricalDistribution):
            return trial.suggest_categorical(name, distribution.choices)
        if isinstance(distribution, FloatDistribution):
            return trial.suggest_float(
                name, distribution.low, distribution.high, log=distribution.log
            )
        if isinstance(distribution, IntDistribution):
            return trial.suggest_int(
                name, distribution.low, distribution.high, log=distribution.log
            )
        raise TypeError(f"{name}: not a distribution of a space: {distribution!r}")

    return draw


def _outcome(record: TrialRecord) -> tuple[TrialState, float | None]:
    """Optuna's state and value; a collapse without any number is PRUNED, its worst class."""
    ended = record.ended
    if ended is None:
        raise ValueError(f"trial {record.trial_id} has not ended")
    if ended.state == "collapsed" and ended.told is None:
        return TrialState.PRUNED, None
    return STATES[ended.state], ended.told


def _attributes(record: TrialRecord) -> Mapping[str, Scalar]:
    ended = record.ended
    return {
        IDENTITY: record.trial_id,
        "config_id": record.created.config_id,
        "state": ended.state if ended else record.state,
        "reason": ended.reason if ended else "",
    }
