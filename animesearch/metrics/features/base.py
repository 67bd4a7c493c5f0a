"""What every feature network is: its options, its metric's name, and how it is called."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from animesearch.errors import MetricError
from animesearch.registry import Registry, Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor


LATER = ("policy",)


class FeatureSpec(Spec, ABC):
    """Options of a feature network; ``metric`` is the name that distances over it carry.

    Only a network with the published Inception weights may name its metric ``fid``; every other
    one is ``fd-<name>``.  ``source`` says where network and weights come from, ``logits``
    whether the network classifies too (:meth:`FeatureNetwork.both`).
    """

    metric: ClassVar[str]
    source: ClassVar[str]
    logits: ClassVar[bool] = False

    dim: int = Field(gt=0, description="number of features per image")

    @property
    def metric_name(self) -> str:
        """Name of the metric with these very options; differs from ``metric`` only where an
        option replaces the published weights."""
        return type(self).metric

    @property
    @abstractmethod
    def resize(self) -> str:
        """The resize policy and the size, for the protocol of a score."""

    @abstractmethod
    def weights_digest(self) -> str:
        """SHA-256 of the weights; :class:`MissingWeightsError` where there are none."""

    def ensure(self) -> None:
        """Finds the weights, fetching them where the network allows it.

        Call this before work starts.  Raises :class:`MissingWeightsError` with what to do.
        """

    @abstractmethod
    def build(self, device: str) -> FeatureNetwork:
        """The network on ``device``, in evaluation mode; leaves the global RNG as it was."""

    def identity(self) -> dict[str, object]:
        """What decides the features: the options and the weights, not where the file lies.

        An option that came later counts where it differs from its default, so that scores from
        before it still compare.
        """
        options = self.model_dump(mode="json")
        fields = type(self).model_fields
        usual = {name for name in LATER if name in fields and options[name] == fields[name].default}
        kept = {name: value for name, value in options.items() if name not in usual}
        return {**kept, "weights": self.weights_digest()}


FEATURES: Registry[FeatureSpec] = Registry(
    "feature network",
    FeatureSpec,  # type: ignore[type-abstract]  # a registry never makes its base
)


class FeatureNetwork:
    """A frozen network: uint8 images in, float32 features out.

    ``forward`` maps float32 RGB images (B, 3, H, W) in 0..255 to features (B, ``dim``), and
    ``head`` those features to class logits (B, classes); None where there are no classes.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        dim: int,
        device: str,
        head: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.forward = forward
        self.dim = dim
        self.device = device
        self.head = head

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """Features (B, dim), float32, on the network's device.

        ``x_BCHW`` is uint8 with 1 channel (repeated) or 3.  Full float32 precision whatever
        autocast or TF32 setting the caller is under, and the same from call to call.
        Raises :class:`MetricError` for other types and shapes and for non-finite features.
        """
        return self._pass(x_BCHW, None)[0]

    def both(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features as :meth:`__call__` gives them, and logits (B, classes) or None, both from
        one pass."""
        return self._pass(x_BCHW, self.head)

    def _pass(
        self, x_BCHW: Tensor, head: Callable[[Tensor], Tensor] | None
    ) -> tuple[Tensor, Tensor | None]:
        import torch

        check_images(tuple(x_BCHW.shape), str(x_BCHW.dtype))
        with torch.inference_mode(), full_precision(self.device):
            x_B3HW = x_BCHW.to(self.device).float().expand(-1, 3, -1, -1)
            features_BD = _finite(self.forward(x_B3HW).float(), "features")
            logits_BK = _finite(head(features_BD).float(), "logits") if head else None
        return features_BD, logits_BK


def _finite(values_BD: Tensor, what: str) -> Tensor:
    if not bool(values_BD.isfinite().all()):
        raise MetricError(f"the feature network gave {what} that are not finite")
    return values_BD


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """No autocast, no TF32, deterministic convolutions, whatever is set outside."""
    import torch

    kind = torch.device(device).type
    flags = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with torch.autocast(device_type=kind, enabled=False), flags:
        yield


def check_images(shape: tuple[int, ...], dtype: str) -> None:
    """Raises :class:`MetricError` unless these are uint8 images (B, 1 or 3, H, W)."""
    if dtype.removeprefix("torch.") != "uint8":
        raise MetricError(f"images must be uint8 in 0..255, not {dtype}; quantise them first")
    if len(shape) != 4 or shape[1] not in (1, 3) or min(shape) < 1:
        raise MetricError(f"images must be (count, 1 or 3 channels, height, width), not {shape}")


def freeze(module: torch.nn.Module, device: str) -> torch.nn.Module:
    """``module`` in evaluation mode without gradients, channels-last (faster on CPU and GPU)."""
    import torch

    module.eval().requires_grad_(False)
    return module.to(torch.device(device)).to(memory_format=torch.channels_last)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content; read again only when its size or time has changed."""
    status = path.stat()
    return _sha256(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, size: int, changed: int) -> str:  # noqa: ARG001  # part of the key
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
