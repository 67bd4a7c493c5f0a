"""Population based training: Ray Tune's scheduler, told of our trials and journalled by us.

Tune refuses a searcher beside this scheduler, so the whole population is handed over at once.
Its choices are random and depend on the order of arrival: unlike the other schedulers' they are
recorded, not replayed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler

from animesearch.searchspace.distributions import Normal, Parameter, Uniform
from animesearch.searchspace.space import Space
from animesearch.tuning.bridge import KEY, assignment_config, told, trial_id
from animesearch.tuning.race import Race
from animesearch.tuning.schedulers.pbt import Pbt

STEP = "perturbations"
"""Tune's clock: rungs passed."""
Bounds = Mapping[tuple[str, ...], tuple[float, float]]


def population(race: Race) -> dict[str, Any]:
    """Tune's parameter space: every trial of the race, once."""
    configs = []
    while (assignment := race.next()) is not None:
        configs.append(assignment_config(assignment)[KEY])
    return {KEY: tune.grid_search(configs)}


class PopulationScheduler(PopulationBasedTraining):
    """Tune's PBT, one perturbation per rung, within the bounds of the space."""

    def __init__(self, race: Race, options: Pbt, space: Space) -> None:
        self._bounds = bounds_of(space.parameters)
        super().__init__(
            time_attr=STEP,
            metric="score",
            mode="min",
            perturbation_interval=1,
            hyperparam_mutations={KEY: {"trial": mutations(space.parameters)}},
            quantile_fraction=options.quantile,
            resample_probability=options.resample,
            custom_explore_fn=clipping(self._bounds),
            log_config=False,
        )
        self._race = race

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """The race journals each score first; Tune then exploits and explores."""
        name = trial_id(trial)
        record = self._race.state.trials[name]
        rung = result.get("rung")
        known = rung in record.rungs
        if not self._race.report(name, told(result)):
            return str(TrialScheduler.STOP)
        if "score" not in result or rung is None or known:
            return str(TrialScheduler.CONTINUE)
        before = copy.deepcopy(trial.config[KEY]["trial"])
        step = {**result, STEP: rung + 1}
        decision = super().on_trial_result(tune_controller, trial, step)
        self._note(name, before, trial)
        return str(decision)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: Any) -> None:
        """As for the other schedulers."""
        super().on_trial_complete(tune_controller, trial, result)
        self._race.ended(trial_id(trial))

    def _exploit(self, tune_controller: Any, trial: Trial, trial_to_clone: Trial) -> None:
        """Keep the trial's identity: only the configuration below ``trial`` is taken over."""
        identity = {key: trial.config[KEY][key] for key in ("trial_id", "seed")}
        super()._exploit(tune_controller, trial, trial_to_clone)
        taken = copy.deepcopy(trial.config)
        taken[KEY].update(identity)
        trial.set_config(taken)

    def _note(self, name: str, before: dict[str, Any], trial: Trial) -> None:
        now = trial.config[KEY]["trial"]
        if now != before:
            self._race.perturbed(name, now)


def mutations(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Tune's mutations, nested as the configuration is; continuous parameters only."""
    tree: dict[str, Any] = {}
    for parameter in parameters:
        *path, last = [str(part) for part in _below_trial(parameter)]
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = _domain(parameter)
    return tree


def bounds_of(parameters: Sequence[Parameter]) -> dict[tuple[str, ...], tuple[float, float]]:
    """Lowest and highest value of each parameter by its path below ``trial``."""
    return {
        tuple(str(part) for part in _below_trial(p)): _range(p.distribution) for p in parameters
    }


def clipping(bounds: Bounds) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An explore function: a perturbed value does not leave the space."""

    def clip(config: dict[str, Any]) -> dict[str, Any]:
        for path, (low, high) in bounds.items():
            branch = config[KEY]["trial"]
            for part in path[:-1]:
                branch = branch[part]
            branch[path[-1]] = min(max(branch[path[-1]], low), high)
        return config

    return clip


def _below_trial(parameter: Parameter) -> tuple[str | int, ...]:
    loc = tuple(parameter.loc)
    return loc[1:] if loc and loc[0] == "trial" else loc


def _range(distribution: object) -> tuple[float, float]:
    if isinstance(distribution, Uniform):
        return distribution.low, distribution.high
    if isinstance(distribution, Normal):
        return distribution.value(0.0), distribution.value(1.0)
    raise TypeError(f"not a continuous distribution: {distribution!r}")


def _domain(parameter: Parameter) -> Any:
    chosen = parameter.distribution
    if isinstance(chosen, Normal):
        return tune.uniform(*_range(chosen))
    low, high = _range(chosen)
    return tune.loguniform(low, high) if chosen.word == "loguniform" else tune.uniform(low, high)
