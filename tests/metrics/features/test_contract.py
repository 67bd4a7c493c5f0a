"""Contract of every registered feature network."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from animesearch.errors import MetricError
from animesearch.metrics.features import FEATURES, FeatureNetwork, FeatureSpec
from animesearch.metrics.features.resizing import Policy
from tests.metrics.samples import WeightsFile, smooth_images

REFUSED = [
    {"name": "inception", "dim": 768},
    {"name": "inception", "sha256": "XYZ"},
    {"name": "inception", "policy": "bilinear"},
    {"name": "lite0", "input": 16},
    {"name": "lite0", "dim": 64},
    {"name": "lite0", "policy": "cleaner"},
    {"name": "random", "dim": 0},
    {"name": "random", "dim": 1025},
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


def test_logits_come_from_the_same_pass(spec: FeatureSpec, network: FeatureNetwork) -> None:
    features, logits = network.both(images())
    assert torch.equal(features, network(images()))
    assert (logits is not None) == type(spec).logits
    if logits is not None:
        assert logits.shape[0] == 3
        assert logits.shape[1] >= 1000
        assert logits.dtype == torch.float32
        assert float(logits.std(dim=1).min()) > 0


def test_no_feature_is_dead_and_none_repeats_another(network: FeatureNetwork) -> None:
    """As many independent directions as images allow, and no direction that hides the rest."""
    features = network(images(8)).double()
    centred = features - features.mean(dim=0)
    assert float(centred.norm(dim=1).mean() / features.norm(dim=1).mean()) > 0.1
    energy = torch.linalg.svdvals(centred)[:-1] ** 2  # the mean takes one direction
    assert float(energy[-1] / energy.sum()) > 1e-3
    assert float(energy[0] / energy.sum()) < 0.9


def test_distances_grow_with_noise(network: FeatureNetwork) -> None:
    few = smooth_images(5, 32, seed=5)
    noise = np.random.default_rng(0).normal(0, 1, few.shape)
    plain, near, far = (
        network(torch.from_numpy((few + level * noise).clip(0, 255).astype(np.uint8)))
        for level in (0, 20, 80)
    )
    assert 0.01 * float(plain.norm()) < float((near - plain).norm()) < float((far - plain).norm())


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


def test_an_unusual_policy_is_part_of_protocol_and_identity(spec: FeatureSpec) -> None:
    options = spec.model_dump(mode="json")
    policies = [name for name in get_args(Policy) if _accepts(options | {"policy": name})]
    assert {"pytorch-fid", "clean"} <= set(policies)
    specs = [FEATURES.parse(options | {"policy": name}) for name in policies]
    assert [each.resize.rsplit("-", 1)[0] for each in specs] == policies
    identities = [each.identity() for each in specs]
    assert all(identities.count(identity) == 1 for identity in identities)
    assert "policy" not in spec.identity()  # scores from before the option still compare


def _accepts(options: dict[str, Any]) -> bool:
    try:
        FEATURES.parse(options)
    except ValidationError:
        return False
    return True


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
