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
from animesearch.metrics.features.resizing import POLICY, resized

if TYPE_CHECKING:
    from torch import Tensor

    from animesearch.metrics.features.networks.inception import FastInception

WEIGHTS_FILE = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = (
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_FILE}"
)
# Under this name torch-fidelity keeps the same file.
OTHER_NAME = "weights-inception-2015-12-05-6726825d.pth"
PUBLISHED_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
WEIGHTS_VARIABLE = "ANIMESEARCH_INCEPTION_WEIGHTS"
REACH_SECONDS = 3.0
SIDE = 299


@FEATURES.register
class Inception(FeatureSpec):
    """Inception-v3 pool features with the weights of the FID literature (Heusel 2017).

    2048 features and 1008 logits.  ``policy`` is the preprocessing: ``pytorch-fid`` (bilinear to
    299 pixels without antialiasing, then x / 127.5 - 1) or ``clean``, clean-fid's (antialiased
    bicubic, then (x - 128) / 128).  The weights file is looked for under the option ``weights``,
    else the environment variable ``ANIMESEARCH_INCEPTION_WEIGHTS``, else in torch hub's
    checkpoint folder, where it is fetched to if the network is reachable.  Its SHA-256 is
    checked.  Not verified with the published weights where the project's tests run.
    """

    metric: ClassVar[str] = "fid"
    logits: ClassVar[bool] = True
    source: ClassVar[str] = "pytorch-fid's port of inception-2015-12-05 (TensorFlow)"

    name: Literal["inception"] = "inception"
    dim: Literal[2048] = Field(2048, description="number of features per image")
    policy: Literal["pytorch-fid", "clean"] = Field("pytorch-fid", description=POLICY)
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
        return self.metric if PUBLISHED_SHA256.startswith(self.sha256) else "fd-inception"

    @property
    def resize(self) -> str:
        """The policy, to 299 pixels."""
        return f"{self.policy}-{SIDE}"

    def identity(self) -> dict[str, object]:
        """Name, dimensions, a policy that is not the usual one, and the digest of the weights,
        wherever their file lies and however much of their hash was asked for."""
        identity = super().identity()
        return {key: value for key, value in identity.items() if key != "sha256"}

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
        network = _network(self._place())
        freeze(network, device)

        def forward(x_B3HW: Tensor) -> Tensor:
            import torch

            x = self._normalised(resized(x_B3HW, SIDE, self.policy))
            return network(x.contiguous(memory_format=torch.channels_last))

        return FeatureNetwork(forward, self.dim, device, network.logits)

    def _normalised(self, x_BCHW: Tensor) -> Tensor:
        """0..255 as the network takes it; the two packages differ by half a grey level."""
        if self.policy == "clean":
            return (x_BCHW - 128.0) / 128.0
        return x_BCHW / 127.5 - 1.0

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
    hash_ = f"{'is' if len(sha256) == 64 else 'begins with'} {sha256}"
    return (
        f"Inception weights: {found}. Needed is {WEIGHTS_FILE}, whose SHA-256 {hash_}, "
        f"from {WEIGHTS_URL}. Put it into {_hub_place().parent}, or name it by the option "
        f"'weights' or the variable {WEIGHTS_VARIABLE}. The offline choice is: features: lite0"
    )


def _hub_place() -> Path:
    """Torch hub's place for the file, or torch-fidelity's beside it where only that is there."""
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    usual, other = folder / WEIGHTS_FILE, folder / OTHER_NAME
    return other if other.is_file() and not usual.is_file() else usual


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


def _network(weights: Path) -> FastInception:
    """pytorch-fid's network and its classifier, without its own download."""
    import torch

    from animesearch.metrics.features.networks.inception import FastInception, fid_inception

    with torch.device("meta"):  # no weights are drawn before those of the file come
        inception = fid_inception()
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        inception.load_state_dict(state, assign=True)
    except Exception as error:
        raise MissingWeightsError(
            f"{weights} does not hold the weights of pytorch-fid's Inception: {error}"
        ) from error
    return FastInception(inception)
