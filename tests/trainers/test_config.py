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
from animesearch.trainers.compatibility import mismatch
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.setting import TrialSetting
for architecture in ARCHITECTURES.names():
    for loss in LOSSES.names():
        if mismatch(ARCHITECTURES.parse(architecture), LOSSES.parse(loss)):
            continue
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
        ({"architecture": "progan", "batch": 0}, ("batch",)),
        ({"architecture": "progan", "seed": 1}, ("seed",)),
        ({"architecture": {"name": "progan", "width": 30}}, ("architecture", "width")),
        ({}, ("architecture",)),
    ],
)
def test_mistakes_carry_their_path(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        TrialConfig.model_validate(tree)
    assert caught.value.errors()[0]["loc"] == path


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"architecture": "ganime-ae", "loss": "ns"}, "losses for 'ganime-ae': mae, mse"),
        ({"architecture": "penn-dcgan", "loss": "mse"}, "an adversarial pair; losses for"),
        ({"architecture": "penn-dcgan", "loss": "began"}, "needs a D that reconstructs"),
        ({"architecture": "began", "loss": "hinge"}, "minus its reconstruction error"),
        ({"architecture": "ganime-ae", "loss": {"name": "mse", "kl": 1}}, "variational encoder"),
        ({"architecture": "ganime-vae", "loss": "mse"}, "allowed: kl above 0"),
        ({"architecture": "ganime-vae", "d_steps": 2}, "d_steps would do nothing"),
        ({"architecture": "ganime-vae", "augment": "diffaugment"}, "augment would do nothing"),
        (
            {"architecture": "penn-dcgan", "loss": "wgan", "fakes_among_reals": 0.1},
            "loss 'wgan' has none; losses that have: ",
        ),
        ({"architecture": "r3gan", "spectral_norm": "both"}, "branches begin at zero"),
        ({"architecture": "r3gan", "augment": "ada"}, "'rpgan' has no boundary.*adapt: false"),
        (
            {"architecture": {"name": "progan", "max_norm": 0.5}, "spectral_norm": "both"},
            "max_norm 0.5 is below 1",
        ),
        (
            {"architecture": "comic-vanilla", "batch": 1},
            "'comic-vanilla' cannot be trained with batch 1: .*allowed: at least 2",
        ),
        (
            {"architecture": "penn-dcgan", "batch": 1, "fakes_among_reals": 0.5},
            "fakes_among_reals 0.5 replaces at most half of a batch.*batch of at least 2",
        ),
    ],
)
def test_options_that_do_not_go_together(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrialConfig.model_validate(tree)


def test_an_optimiser_needs_no_name() -> None:
    config = TrialConfig.model_validate({"architecture": "progan", "generator": {"beta1": 0.1}})
    assert config.generator.model_dump()["beta1"] == 0.1
    assert config.generator.name == "adam"
    assert config.discriminator.lr == 2e-4
