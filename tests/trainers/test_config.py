"""Validation: what is allowed, and that it needs no torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from animesearch.trainers.config import TrialConfig

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.setting import TrialSetting
for architecture in ARCHITECTURES.names():
    for loss in LOSSES.names():
        config = TrialConfig(architecture=architecture, loss=loss)
        assert TrialConfig.model_validate(config.model_dump(mode="json")) == config
TrialConfig.model_json_schema()
"""


def test_validates_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"architecture": "dcgan"}, ("architecture",)),
        ({"architecture": {"name": "progan", "depth": 3}}, ("architecture", "depth")),
        (
            {"architecture": "progan", "loss": {"name": "ns", "smoothing": "some"}},
            ("loss", "smoothing"),
        ),
        ({"architecture": "progan", "generator": {"lr": 0}}, ("generator", "lr")),
        ({"architecture": "progan", "discriminator": {"beta1": 1}}, ("discriminator", "beta1")),
        ({"architecture": "progan", "batch": 1}, ("batch",)),
        ({"architecture": "progan", "seed": 1}, ("seed",)),
        ({"architecture": {"name": "progan", "width": 30}}, ("architecture", "width")),
        ({}, ("architecture",)),
    ],
)
def test_mistakes_carry_their_path(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        TrialConfig.model_validate(tree)
    assert caught.value.errors()[0]["loc"] == path
