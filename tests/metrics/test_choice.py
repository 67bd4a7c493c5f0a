"""Options of the metric, and which features ``auto`` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from animesearch.errors import MissingWeightsError
from animesearch.metrics.config import MetricConfig, choose_features
from animesearch.metrics.features import FEATURES
from animesearch.metrics.features.inception import WEIGHTS_VARIABLE
from tests.metrics.samples import WeightsFile


@pytest.fixture
def no_inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "absent.pth"))


def test_defaults_are_auto_and_survive_json() -> None:
    config = MetricConfig()
    assert (config.features, config.samples) == ("auto", 1000)
    assert MetricConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("value", ["lite0", {"name": "lite0", "input": 96}, "random"])
def test_features_by_name_or_mapping(value: object) -> None:
    config = MetricConfig.model_validate({"features": value})
    assert config.features == FEATURES.parse(value)
    assert MetricConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("value", "place", "message"),
    [
        ({"features": "lite1"}, ("features",), "did you mean 'lite0'.*auto"),
        ({"features": 3}, ("features",), "allowed: .*auto"),
        ({"features": {"name": "lite0", "input": 3}}, ("features", "input"), "greater than"),
        ({"features": {"name": "lite0", "inputs": 3}}, ("features", "inputs"), "not permitted"),
        ({"samples": 1}, ("samples",), "greater than"),
        ({"sample": 1000}, ("sample",), "not permitted"),
    ],
)
def test_mistakes_are_named_with_their_place(
    value: dict[str, object], place: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        MetricConfig.model_validate(value)
    assert [error["loc"] for error in caught.value.errors()] == [place]


def test_json_schema_lists_every_network() -> None:
    schema = str(MetricConfig.model_json_schema())
    assert all(f"'{name}'" in schema for name in ["auto", *FEATURES.names()])


def test_auto_on_a_cpu_is_lite0() -> None:
    choice = choose_features(MetricConfig(), gpu=False)
    assert choice.spec.name == "lite0"
    assert "fd-lite0" in choice.reason
    assert "CPU" in choice.reason


@pytest.mark.usefixtures("no_inception")
def test_auto_on_a_gpu_without_weights_is_lite0_and_says_why() -> None:
    choice = choose_features(MetricConfig(), gpu=True)
    assert choice.spec.name == "lite0"
    assert "absent.pth" in choice.reason


def test_auto_on_a_gpu_checks_the_file(
    inception_file: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights are not the published ones, so ``auto`` does not call them fid."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(inception_file.path))
    choice = choose_features(MetricConfig(), gpu=True)
    assert choice.spec.name == "lite0"
    assert "not this file" in choice.reason


@pytest.mark.usefixtures("no_inception")
@pytest.mark.parametrize("gpu", [True, False])
def test_inception_never_falls_back(gpu: bool) -> None:
    with pytest.raises(MissingWeightsError):
        choose_features(MetricConfig.model_validate({"features": "inception"}), gpu)


def test_what_was_asked_for_is_taken(inception_file: WeightsFile) -> None:
    asked = {
        "name": "inception",
        "weights": str(inception_file.path),
        "sha256": inception_file.sha256,
    }
    choice = choose_features(MetricConfig.model_validate({"features": asked}), gpu=False)
    assert choice.spec.name == "inception"
    assert "asked for" in choice.reason
    random = choose_features(MetricConfig.model_validate({"features": "random"}), gpu=True)
    assert random.spec.metric_name == "fd-random"
