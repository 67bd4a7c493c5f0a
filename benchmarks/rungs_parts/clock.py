"""Processor seconds of every configuration, taken on one thread: a shared machine's wall lies."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from .curves import Curve, Reading, Recording, races

if TYPE_CHECKING:
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.trainers.trial import Trial

SHORT: Final = 1600
"""Images of the shortened training; what is a share of the budget, such as growth, shrinks too."""
WARM: Final = 4
"""Steps before the clock starts: the first ones plan and allocate."""
FILE: Final = "clock.json"


@dataclass(frozen=True)
class Cost:
    """Processor seconds of training up to each rung, as long as in the race, and of one score."""

    training: tuple[float, ...]
    scoring: float


def measure(folder: Path, recording: Recording) -> None:
    """Write ``clock.json``: each configuration trained for :data:`SHORT` images and scored once;
    those that stand there are not measured again."""
    path, evaluator = folder / FILE, _evaluator(recording)
    found = json.loads(path.read_text()) if path.is_file() else {}
    for name, tree in _configurations(folder).items():
        if name not in found:
            cost = _cost(tree, recording, evaluator)
            found[name] = asdict(cost)
            path.write_text(json.dumps(found, indent=1) + "\n")
            text = f"{name}: {cost.training[-1]:.1f} s, {cost.scoring:.2f} s a score"
            print(text, file=sys.stderr, flush=True)


def _configurations(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        f"{run.path.name.removeprefix('race-')}-{trial.trial_id}": trial.created.config
        for run in races(folder)
        for trial in run.state().of_phase("race")
    }


def timed(recording: Recording, folder: Path) -> Recording:
    """The recording on the clock of ``clock.json``; as it is where there is none."""
    path = folder / FILE
    if not path.is_file():
        return recording
    costs = {name: Cost(**cost) for name, cost in json.loads(path.read_text()).items()}
    curves = tuple(_on_clock(curve, costs, recording.rungs) for curve in recording.curves)
    return replace(recording, curves=curves)


def _on_clock(curve: Curve, costs: Mapping[str, Cost], rungs: Sequence[int]) -> Curve:
    cost = costs[curve.name]
    readings = [_reading(one, cost, rungs.index(one.images)) for one in curve.readings]
    return replace(curve, readings=tuple(readings))


def _reading(reading: Reading, cost: Cost, rung: int) -> Reading:
    return replace(reading, training=cost.training[rung], scoring=cost.scoring)


def _cost(tree: dict[str, Any], recording: Recording, evaluator: Evaluator) -> Cost:
    from animesearch.trainers.config import TrialConfig

    config, budget = TrialConfig.model_validate(tree), recording.rungs[-1]
    with TemporaryDirectory(prefix="rungs-") as scratch:
        warm = _trial(config, recording, Path(scratch))
        for _ in range(WARM):
            warm.iterate()
        trial = _trial(config, recording, Path(scratch))
        began, seconds = time.process_time(), []
        for rung in recording.rungs:
            while trial.images < SHORT * rung / budget:
                trial.iterate()
            took = time.process_time() - began
            seconds.append(took * rung / trial.images)
        began = time.process_time()
        evaluator.score(trial.sampler)
    return Cost(tuple(seconds), time.process_time() - began)


def _trial(config: Any, recording: Recording, folder: Path) -> Trial:
    import numpy as np

    from animesearch.datasets.batches import PackedBatches
    from animesearch.trainers.setting import TrialSetting
    from animesearch.trainers.trial import Trial

    shape = (512, 3, recording.size, recording.size)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    setting = TrialSetting(folder, recording.size, 3, SHORT, (SHORT,))
    return Trial(config, setting, PackedBatches(pixels, config.batch, seed=0))


def _evaluator(recording: Recording) -> Evaluator:
    """lite0's, whatever the race's metric: what a score costs, not what it says."""
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.metrics.features.lite0 import Lite0
    from animesearch.metrics.reals import RealImages, Reals

    from .degradations import real_images

    spec = Lite0()
    *_, real = RealImages(real_images(2000, recording.size), spec, "clock").measured()
    assert isinstance(real, Reals)
    return Evaluator(spec, real.statistics, recording.samples)
