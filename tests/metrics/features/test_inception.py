"""Where Inception's weights come from.  Not verified with the published weights: the file here
holds seeded random ones, and the hash that the specification asks for is theirs."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid import inception as fid

from animesearch.errors import MissingWeightsError
from animesearch.metrics.features import FeatureNetwork, inception
from animesearch.metrics.features.inception import (
    OTHER_NAME,
    PUBLISHED_SHA256,
    WEIGHTS_FILE,
    WEIGHTS_VARIABLE,
    Inception,
)
from tests.metrics.samples import WeightsFile, smooth_images

CLOSED_PORT = "http://127.0.0.1:9/weights.pth"


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's folder is empty and nothing outside this machine is asked."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(inception, "WEIGHTS_URL", CLOSED_PORT)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def wrong_server(tmp_path: Path) -> Iterator[str]:
    """A server that answers with a file that is not the weights."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "weights.pth").write_bytes(b"not the weights")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/weights.pth"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def peer(inception_file: WeightsFile) -> Iterator[torch.nn.Module]:
    """pytorch-fid's own network, which loads its weights from a URL."""
    state = torch.load(inception_file.path, weights_only=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fid, "load_state_dict_from_url", lambda url, progress: state)
        yield fid.InceptionV3([fid.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()


@pytest.fixture(scope="module")
def networks(inception_file: WeightsFile) -> dict[str, FeatureNetwork]:
    """Ours under both policies."""
    options = {"weights": str(inception_file.path), "sha256": inception_file.sha256}
    return {
        policy: Inception.model_validate(options | {"policy": policy}).build("cpu")
        for policy in ("pytorch-fid", "clean")
    }


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("side", [64, 400])
def test_equals_pytorch_fids_own_network(
    networks: dict[str, FeatureNetwork], peer: torch.nn.Module, side: int
) -> None:
    x_B3HW = torch.from_numpy(smooth_images(2, side))
    with torch.no_grad():
        expected = peer(x_B3HW.float() / 255)[0].flatten(1)
    assert apart(networks["pytorch-fid"](x_B3HW), expected) < 1e-5


def test_clean_equals_the_network_on_pils_pixels(
    networks: dict[str, FeatureNetwork], peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x_B3HW = torch.from_numpy(smooth_images(2, 64))
    planes = [
        Image.fromarray(plane).resize((299, 299), Image.Resampling.BICUBIC)
        for plane in x_B3HW.float().flatten(0, 1).numpy()
    ]
    pixels = np.stack([np.asarray(plane) for plane in planes]).clip(0, 255)
    monkeypatch.setattr(peer, "normalize_input", False)
    with torch.no_grad():
        expected = peer((torch.from_numpy(pixels).view(2, 3, 299, 299) - 128) / 128)[0].flatten(1)
    assert apart(networks["clean"](x_B3HW), expected) < 1e-4
    assert apart(networks["pytorch-fid"](x_B3HW), expected) > 1e-3


def test_logits_are_the_classifiers_without_its_bias(
    inception_file: WeightsFile, networks: dict[str, FeatureNetwork]
) -> None:
    state = torch.load(inception_file.path, weights_only=True)
    features, logits = networks["clean"].both(torch.from_numpy(smooth_images(1, 32)))
    assert logits is not None
    assert logits.shape == (1, 1008)
    assert apart(logits, features @ state["fc.weight"].T) < 1e-5


def test_found_by_environment_variable_and_in_the_hub(
    inception_file: WeightsFile, empty_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = Inception(sha256=inception_file.sha256[:12])
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(inception_file.path))
    assert spec.weights_digest() == inception_file.sha256
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    with pytest.raises(MissingWeightsError):
        spec.ensure()
    empty_hub.mkdir(parents=True)
    for name in (WEIGHTS_FILE, OTHER_NAME):
        (empty_hub / name).symlink_to(inception_file.path)
        spec.ensure()
        (empty_hub / name).unlink()


def test_the_option_comes_before_the_variable_and_that_before_the_hub(
    inception_file: WeightsFile, empty_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.pth").write_bytes(b"other")
    empty_hub.mkdir(parents=True)
    (empty_hub / WEIGHTS_FILE).write_bytes(b"other")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(inception_file.path))
    Inception(sha256=inception_file.sha256).ensure()
    with pytest.raises(MissingWeightsError, match=r"other\.pth"):
        Inception(sha256=inception_file.sha256, weights=str(tmp_path / "other.pth")).ensure()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "other.pth"))
    Inception(sha256=inception_file.sha256, weights=str(inception_file.path)).ensure()


def test_a_file_that_changes_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    digests = set()
    for content in (b"first", b"second"):
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        assert Inception(weights=str(path), sha256=digest).weights_digest() == digest
        digests.add(digest)
    assert len(digests) == 2


def test_the_place_of_the_file_is_no_part_of_the_identity(
    inception_file: WeightsFile, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere.pth"
    other.symlink_to(inception_file.path)
    here, there = (
        Inception(weights=str(path), sha256=inception_file.sha256).identity()
        for path in (inception_file.path, other)
    )
    assert here == there


def test_missing_says_file_hash_place_and_offline_choice(empty_hub: Path) -> None:
    with pytest.raises(MissingWeightsError) as caught:
        Inception().ensure()
    for part in (
        WEIGHTS_FILE,
        PUBLISHED_SHA256,
        str(empty_hub),
        WEIGHTS_VARIABLE,
        "features: lite0",
    ):
        assert part in str(caught.value)


def test_other_content_is_refused_by_its_hash(inception_file: WeightsFile) -> None:
    with pytest.raises(MissingWeightsError, match="damaged, or not this file"):
        Inception(weights=str(inception_file.path)).build("cpu")


def test_right_hash_of_a_file_without_weights(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(MissingWeightsError, match="does not hold the weights"):
        Inception(weights=str(path), sha256=digest).build("cpu")


def test_a_wrong_download_is_refused_and_leaves_nothing(
    wrong_server: str, empty_hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "WEIGHTS_URL", wrong_server)
    with pytest.raises(MissingWeightsError, match="download failed"):
        Inception().ensure()
    assert list(empty_hub.iterdir()) == []


def test_a_named_file_that_is_missing_is_not_fetched(
    wrong_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "WEIGHTS_URL", wrong_server)
    with pytest.raises(MissingWeightsError, match="no file"):
        Inception(weights=str(tmp_path / "absent.pth")).ensure()


def test_named_fid_only_with_the_published_hash(inception_file: WeightsFile) -> None:
    assert Inception().metric_name == Inception(sha256="6726825d").metric_name == "fid"
    assert Inception(sha256=inception_file.sha256).metric_name == "fd-inception"
