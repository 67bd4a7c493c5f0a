"""The features of FID: pytorch-fid's Inception network with its published weights."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
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

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS_FILE = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = (
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_FILE}"
)
PUBLISHED_SHA256 = "6726825d"
WEIGHTS_VARIABLE = "ANIMESEARCH_INCEPTION_WEIGHTS"
REACH_SECONDS = 3.0
SIDE = 299


@FEATURES.register
class Inception(FeatureSpec):
    """Inception-v3 pool features with the weights of the FID literature (Heusel 2017).

    2048 features, network and preprocessing as in pytorch-fid 0.3: bilinear to 299 pixels
    without antialiasing, scaled to [-1, 1].  The weights file is looked for under the option
    ``weights``, else the environment variable ``ANIMESEARCH_INCEPTION_WEIGHTS``, else in torch
    hub's checkpoint folder, where it is fetched to if the network is reachable.  Its SHA-256 is
    checked.  Not verified with the published weights where the project's tests run.
    """

    metric: ClassVar[str] = "fid"
    source: ClassVar[str] = "pytorch-fid's port of inception-2015-12-05 (TensorFlow)"

    name: Literal["inception"] = "inception"
    dim: Literal[2048] = Field(2048, description="number of features per image")
    weights: str | None = Field(None, min_length=1, description=f"path of {WEIGHTS_FILE}")
    sha256: str = Field(
        PUBLISHED_SHA256,
        pattern="^[0-9a-f]{8,64}$",
        description="how the file's SHA-256 must begin; another value names the metric "
        "fd-inception",
    )

    @property
    def metric_name(self) -> str:
        """``fid`` with the published weights, ``fd-inception`` with any others."""
        return self.metric if self.sha256.startswith(PUBLISHED_SHA256) else "fd-inception"

    @property
    def resize(self) -> str:
        """As pytorch-fid: bilinear in torch, no antialiasing, to 299 pixels."""
        return f"pytorch-fid-{SIDE}"

    def identity(self) -> dict[str, object]:
        """Name, dimensions and the digest of the weights, wherever their file lies."""
        return {"name": self.name, "dim": self.dim, "weights": self.weights_digest()}

    def weights_digest(self) -> str:
        """SHA-256 of the weights file; never fetches it."""
        return self._verified(self._place())

    def ensure(self) -> None:
        """Finds and checks the file; fetches it into torch hub's folder if that is where it
        belongs, it is missing there, and the network answers within three seconds."""
        place = self._place()
        published = self.metric_name == self.metric
        if published and not place.is_file() and place == _hub_place() and _reachable(WEIGHTS_URL):
            _fetch(place)
        self._verified(place)

    def build(self, device: str) -> FeatureNetwork:
        """The network on ``device``; :class:`MissingWeightsError` without its weights."""
        self.ensure()
        network = freeze(_network(self._place()), device)

        def forward(x_B3HW: Tensor) -> Tensor:
            import torch
            from torch.nn.functional import interpolate

            x = interpolate(x_B3HW / 255.0, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
            x = (2.0 * x - 1.0).contiguous(memory_format=torch.channels_last)
            return network(x).flatten(1)

        return FeatureNetwork(forward, self.dim, device)

    def _place(self) -> Path:
        named = self.weights or os.environ.get(WEIGHTS_VARIABLE)
        return Path(named).expanduser() if named else _hub_place()

    def _verified(self, place: Path) -> str:
        if not place.is_file():
            raise MissingWeightsError(_advice(f"no file {place}", self.sha256))
        digest = file_sha256(place)
        if not digest.startswith(self.sha256):
            found = f"{place} has SHA-256 {digest[:16]}…: damaged, or not this file"
            raise MissingWeightsError(_advice(found, self.sha256))
        return digest


def _advice(found: str, sha256: str) -> str:
    return (
        f"Inception weights: {found}. Needed is {WEIGHTS_FILE}, whose SHA-256 begins with "
        f"{sha256}, from {WEIGHTS_URL}. Put it into {_hub_place().parent}, or name it by the "
        f"option 'weights' or the variable {WEIGHTS_VARIABLE}. The offline choice is: "
        "features: lite0"
    )


def _hub_place() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_FILE


def _reachable(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _fetch(place: Path) -> None:
    """Downloads to a temporary file, checks its hash, then moves it into place."""
    import torch

    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(
            WEIGHTS_URL, str(place), hash_prefix=PUBLISHED_SHA256, progress=False
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        message = _advice(f"the download failed ({error})", PUBLISHED_SHA256)
        raise MissingWeightsError(message) from error


def _network(weights: Path) -> nn.Module:
    """pytorch-fid's network up to the pooled features, without its own download."""
    import torch

    with torch.random.fork_rng(devices=[]):
        inception = fid_inception()
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        inception.load_state_dict(state)
    except Exception as error:
        raise MissingWeightsError(
            f"{weights} does not hold the weights of pytorch-fid's Inception: {error}"
        ) from error
    return _trunk(inception)


def fid_inception() -> nn.Module:
    """Torchvision's Inception-v3 with pytorch-fid's changed blocks, weights as drawn.

    The changed blocks (TensorFlow's pooling rules) are pytorch-fid's own classes; the state
    dict has the keys of its published file.
    """
    from pytorch_fid import inception as fid
    from torchvision.models.inception import Inception3

    network = Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    network.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = fid.FIDInceptionE_1(1280)
    network.Mixed_7c = fid.FIDInceptionE_2(2048)
    return network


_TRUNK = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "maxpool1",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    "maxpool2",
    "Mixed_5b",
    "Mixed_5c",
    "Mixed_5d",
    "Mixed_6a",
    "Mixed_6b",
    "Mixed_6c",
    "Mixed_6d",
    "Mixed_6e",
    "Mixed_7a",
    "Mixed_7b",
    "Mixed_7c",
    "avgpool",
)


def _trunk(inception: nn.Module) -> nn.Module:
    from torch import nn

    return nn.Sequential(*(inception.get_submodule(name) for name in _TRUNK))
