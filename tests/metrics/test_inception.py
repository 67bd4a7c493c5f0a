"""Where Inception's weights come from.  Not verified with the published weights: the file here
holds seeded random ones, and the hash that the specification asks for is theirs."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from animesearch.errors import MissingWeightsError
from animesearch.metrics.features import inception
from animesearch.metrics.features.inception import WEIGHTS_FILE, WEIGHTS_VARIABLE, Inception
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


def test_equals_pytorch_fids_own_network(
    inception_file: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytorch_fid import inception as fid

    state = torch.load(inception_file.path, weights_only=True)
    monkeypatch.setattr(fid, "load_state_dict_from_url", lambda url, progress: state)
    peer = fid.InceptionV3([fid.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
    x_B3HW = torch.from_numpy(smooth_images(3, 64))
    with torch.no_grad():
        expected = peer(x_B3HW.float() / 255)[0].flatten(1)
    spec = Inception(weights=str(inception_file.path), sha256=inception_file.sha256)
    found = spec.build("cpu")(x_B3HW)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


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
    (empty_hub / WEIGHTS_FILE).symlink_to(inception_file.path)
    spec.ensure()


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
    for part in (WEIGHTS_FILE, "6726825d", str(empty_hub), WEIGHTS_VARIABLE, "features: lite0"):
        assert part in str(caught.value)


def test_other_content_is_refused_by_its_hash(inception_file: WeightsFile) -> None:
    with pytest.raises(MissingWeightsError, match="damaged, or not this file"):
        Inception(weights=str(inception_file.path)).build("cpu")


def test_right_hash_of_a_file_without_weights(tmp_path: Path) -> None:
    import hashlib

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
    assert Inception().metric_name == "fid"
    assert Inception(sha256=inception_file.sha256).metric_name == "fd-inception"
