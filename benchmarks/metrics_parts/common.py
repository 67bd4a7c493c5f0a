"""What the parts share: findings, times, images, and the packages with one set of weights."""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # numpy reads the number of BLAS threads when it is imported
    import numpy as np
    import numpy.typing as npt

    from animesearch.metrics.features import FeatureNetwork

    Features = npt.NDArray[np.floating[Any]]

SIZE: Final = 64
DIM: Final = 2048


@dataclass(frozen=True)
class Finding:
    """One comparison: ``value`` is a ratio of times (``faster``) or a difference."""

    what: str
    value: float
    goal: float | None
    faster: bool
    text: str
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.faster else self.value <= self.goal

    def row(self) -> str:
        """A line of the table."""
        found = f"{self.value:.3g} ×" if self.faster else f"{self.value:.2g}"
        sign = "≥" if self.faster else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:g}"
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        return f"| {self.what} | {found} | {goal} | {verdict} | {self.text} |"


@dataclass(frozen=True)
class Seconds:
    """What one piece of work took."""

    wall: float
    processor: float


@dataclass
class Turns:
    """Times of both sides of a comparison, measured in turns."""

    ours: list[Seconds] = field(default_factory=list)
    theirs: list[Seconds] = field(default_factory=list)

    def run(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[Any, Any]:
        """Both once, and what they gave; the one that begins changes."""
        if len(self.ours) % 2:
            there = timed(theirs, self.theirs)
            return timed(ours, self.ours), there
        return timed(ours, self.ours), timed(theirs, self.theirs)

    def medians(self, clock: str) -> tuple[float, float]:
        """Seconds by ``clock``, ``wall`` or ``processor``: ours, theirs."""
        here, there = ([getattr(s, clock) for s in side] for side in (self.ours, self.theirs))
        return statistics.median(here), statistics.median(there)

    def ratio(self, clock: str) -> float:
        """How many times as long theirs takes."""
        ours, theirs = self.medians(clock)
        return theirs / ours

    def finding(self, what: str, goal: float | None, clock: str, remark: str = "") -> Finding:
        """Judged by ``clock``; both clocks are told."""
        ours, theirs = self.medians(clock)
        other = "processor" if clock == "wall" else "wall"
        told = f"{ours:.3g} s against {theirs:.3g} s ({clock}); {self.ratio(other):.3g} × ({other})"
        return Finding(what, self.ratio(clock), goal, True, f"{told}{remark}", asdict(self))


def timed(work: Callable[[], Any], into: list[Seconds]) -> Any:
    """The result of ``work``; its times are added to ``into``."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    into.append(Seconds(time.perf_counter() - wall, time.process_time() - processor))
    return found


def tell(text: str) -> None:
    """Progress, for people."""
    print(f"[load {os.getloadavg()[0]:.0f}] {text}", file=sys.stderr, flush=True)


class Bench:
    """What the parts share: images in files, and one set of random weights for all packages."""

    def __init__(self, folder: Path, images: int, repeat: int) -> None:
        self.folder, self.images, self.repeat = folder, images, repeat

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """PNG files of the ``real`` and the ``fake`` images."""
        from PIL import Image

        found = {}
        for side, seed in {"real": 0, "fake": 1}.items():
            place = self.folder / side
            place.mkdir()
            for number, pixels in enumerate(faces(self.images, seed, blurred=side == "fake")):
                Image.fromarray(pixels).save(place / f"{number:05d}.png")
            found[side] = sorted(place.iterdir())
        return found

    @cached_property
    def weights(self) -> Path:
        """The state dict, under both names, where torch hub keeps what it has fetched."""
        import torch

        from animesearch.metrics.features.inception import OTHER_NAME, WEIGHTS_FILE
        from animesearch.metrics.features.networks.inception import random_inception

        tell("random weights, scaled on 24 faces")
        place = Path(torch.hub.get_dir()) / "checkpoints"
        assert place.is_relative_to(self.folder), place  # never the user's own
        place.mkdir(parents=True)
        torch.manual_seed(0)
        x_BHWC = torch.from_numpy(stacked(faces(24, 2)))
        x_B3HW = x_BHWC.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        x_B3HW = torch.nn.functional.interpolate(x_B3HW, size=(299, 299), mode="bilinear")
        torch.save(random_inception(x_B3HW).state_dict(), place / WEIGHTS_FILE)
        (place / OTHER_NAME).hardlink_to(place / WEIGHTS_FILE)
        return place / WEIGHTS_FILE

    def network(self, policy: str) -> FeatureNetwork:
        """Ours with those weights, found where torch hub keeps them."""
        from animesearch.metrics.features import FEATURES

        sha256 = hashlib.sha256(self.weights.read_bytes()).hexdigest()
        return FEATURES.parse({"name": "inception", "policy": policy, "sha256": sha256}).build(
            "cpu"
        )

    def pytorch_fid(self) -> Any:
        """pytorch-fid's network, which finds the weights itself."""
        from pytorch_fid.inception import InceptionV3

        assert self.weights.is_file()
        return InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[DIM]]).eval()

    def clean_fid(self) -> Any:
        """clean-fid's wrapper around a scripted module, found in the folder that it is told."""
        import torch
        from cleanfid.inception_torchscript import InceptionV3W

        class Published(torch.nn.Module):
            """``layers`` from normalised images to features, as in the published module."""

            def __init__(self, blocks: Any) -> None:
                super().__init__()
                self.layers = torch.nn.Sequential(*blocks)

            def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
                return self.layers(x_BCHW)

        scripted = torch.jit.script(Published(self.pytorch_fid().blocks).eval())
        scripted.save(str(self.folder / "inception-2015-12-05.pt"))
        return InceptionV3W(str(self.folder), download=True)


def faces(count: int, seed: int, blurred: bool = False) -> Iterator[npt.NDArray[np.uint8]]:
    """Drawn faces, uint8 (64, 64, 3)."""
    import numpy as np
    from PIL import Image, ImageFilter

    from animesearch.datasets.drawing.face import draw_face

    for number in range(count):
        pixels, _ = draw_face(seed, number, SIZE)
        if blurred:
            image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.0))
            pixels = np.asarray(image)
        yield pixels


def stacked(images: Iterator[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """All in one array."""
    import numpy as np

    return np.stack([*images])


def against_torch_fidelity(name: str, features: dict[str, Features]) -> list[Finding]:
    """KID, precision and recall of the same features by torch-fidelity, and both in time."""
    import torch
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    tell(f"KID, precision and recall of {name} features")
    count = min(map(len, features.values()))
    size = min(1000, count // 2)
    fake, real = (torch.from_numpy(features[side]) for side in ("fake", "real"))
    kid, prc = Turns(), Turns()
    found = kid.run(
        lambda: our_measure("kid", features, size=size)["kid"],
        lambda: kid_features_to_metric(fake, real, kid_subset_size=size, verbose=False)[
            KEY_METRIC_KID_MEAN
        ],
    )
    ours, single = prc.run(
        lambda: our_measure("precision-recall", features),
        lambda: prc_features_to_metric(fake, real, verbose=False),
    )
    double = prc_features_to_metric(fake.double(), real.double(), verbose=False)
    remark = f", {count:,} images a side"
    return [
        _kid(name, found, size),
        _manifolds(name, ours, {"float32": single, "float64": double}),
        kid.finding(f"KID, {name}, against torch-fidelity", None, "processor", remark),
        prc.finding(f"precision and recall, {name}, the same", None, "processor", remark),
    ]


def _kid(name: str, found: tuple[float, float], size: int) -> Finding:
    ours, theirs = found
    text = f"{ours:.7g} against {theirs:.7g}; the same 100 subsets of {size}"
    what = f"KID, {name}: difference to torch-fidelity"
    return Finding(what, abs(ours - theirs), 1e-3, False, text)


def _manifolds(name: str, ours: dict[str, float], theirs: dict[str, dict[str, float]]) -> Finding:
    """Judged by torch-fidelity over float64: its float32 distances move images over an edge."""
    import numpy as np

    keys = ("precision", "recall")
    # It gives the shares in float32.
    off = {
        kind: max(abs(float(np.float32(ours[key])) - values[key]) for key in keys)
        for kind, values in theirs.items()
    }
    text = (
        f"{ours['precision']:.4f} and {ours['recall']:.4f}; "
        f"of the same features as float32: {off['float32']:.1g}"
    )
    what = f"precision and recall, {name}: difference to torch-fidelity"
    return Finding(what, off["float64"], 0.0, False, text, {"ours": ours, **theirs})


def our_measure(measure: str, features: dict[str, Features], **options: Any) -> dict[str, float]:
    """A measure of the package, nothing kept from an earlier one."""
    from animesearch.metrics.measures import MEASURES, Side

    real, fake = (Side(features[side]) for side in ("real", "fake"))
    return MEASURES.get(measure).model_validate(options).measure(real, fake)


def moments(x_ND: Features) -> tuple[Features, Features]:
    """Mean and covariance by pytorch-fid's own lines."""
    import numpy as np

    return np.mean(x_ND, axis=0), np.cov(x_ND, rowvar=False)


def peer_distance(*both: Features) -> float:
    """pytorch-fid's, of two means and covariances."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    return float(calculate_frechet_distance(*both))
