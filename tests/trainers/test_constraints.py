"""Max-norm on every kind of layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.constraints import (
    limit_norms,
    refuse_contradiction,
    weighted_layers,
)
from animesearch.trainers.modules.layers import ScaledConv, ScaledLinear
from animesearch.trainers.modules.spectral import normalise_spectrally


def test_by_hand() -> None:
    """Rows (3, 4) and (0.3, 0.4): norms 5 and 0.5."""
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.3, 0.4]]))
    bias = layer.bias.detach().clone()
    limit_norms(nn.Sequential(layer), 1.0)
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.6, 0.8], [0.3, 0.4]]))
    assert torch.equal(layer.bias, bias)


def responses(layer: nn.Module, inputs: int, size: int) -> Tensor:
    """``norm[o]``: of the derivative of output unit ``o`` at one place by all that leads to it.

    The place is in the middle, so that every weight of the unit is used once (stride 1).
    """
    x_BCHW = torch.randn(1, inputs, size, size, requires_grad=True)
    y_OHW = layer(x_BCHW)[0]
    middle = y_OHW.shape[-1] // 2
    slopes = [
        torch.autograd.grad(y_HW[middle, middle], x_BCHW, retain_graph=True) for y_HW in y_OHW
    ]
    return torch.stack([slope.norm() for (slope,) in slopes])


LAYERS = {
    "conv": lambda: nn.Conv2d(6, 4, 3),
    "groups": lambda: nn.Conv2d(6, 4, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(6, 4, 3),
    "transposed groups": lambda: nn.ConvTranspose2d(6, 4, 3, groups=2),
    "equalised": lambda: ScaledConv(6, 4, 3, 3.0),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("last", [False, True])
def test_units_of_convolutions(name: str, last: bool) -> None:
    """The norm of a unit's weights is that of its response, whatever the layout of the weights."""
    torch.manual_seed(0)
    layer = LAYERS[name]()
    if last:
        layer.to(memory_format=torch.channels_last)
    before = responses(layer, 6, 9)
    limit = float(before.median())
    limit_norms(layer, limit)
    assert limit < float(before.max())
    torch.testing.assert_close(responses(layer, 6, 9), before.clamp(max=limit))
    with torch.no_grad():
        kept = {n: p.clone() for n, p in layer.named_parameters()}
    limit_norms(layer, 2 * limit)
    assert all(torch.equal(p, kept[n]) for n, p in layer.named_parameters())


def test_transposed_and_dense_of_other_dimensions() -> None:
    layers = (nn.Conv1d(3, 2, 3), nn.ConvTranspose1d(3, 2, 3), nn.ConvTranspose3d(3, 2, 3))
    for layer in layers:
        limit_norms(layer, 1e-3)
        outputs_first = (
            layer.weight if isinstance(layer, nn.Conv1d) else layer.weight.transpose(0, 1)
        )
        norms = outputs_first.detach().flatten(1).norm(dim=1)
        torch.testing.assert_close(norms, torch.full((2,), 1e-3), atol=0, rtol=1e-3)


def test_equalised_dense_layers_count_as_used() -> None:
    layer = ScaledLinear(16, 3, 1.0, rate=0.01)
    limit_norms(layer, 0.5)
    used = layer.weight.detach() * layer.scale
    torch.testing.assert_close(used.norm(dim=1).clamp(max=0.5), used.norm(dim=1))
    assert float(used.norm(dim=1).max()) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("wrap", [normalise_spectrally, parametrizations.spectral_norm])
def test_spectrally_normalised_layers_stay(wrap: object) -> None:
    """Weights, and the vectors of power iteration too."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    assert callable(wrap)
    wrap(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert len(before) > 2
    limit_norms(layer, 1e-3)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_limit_below_1_contradicts_spectral_normalisation() -> None:
    plain, normalised = nn.Linear(4, 3), parametrizations.spectral_norm(nn.Linear(4, 3))
    refuse_contradiction([plain], 0.5)
    refuse_contradiction([plain, normalised], 1.0)
    with pytest.raises(UnsupportedError, match=r"max-norm of 0\.5 contradicts.*at least 1"):
        refuse_contradiction([plain, normalised], 0.5)


@pytest.mark.parametrize("name", ["penn-dcgan", "progan"])
def test_whole_networks(name: str) -> None:
    """Every layer of both is limited; what is no layer of that kind is not touched."""
    spec = ARCHITECTURES.get(name)
    networks = ARCHITECTURES.parse({"name": name, **spec.smallest}).build(16, 3)
    for module in (networks.generator, networks.partner):
        layers = weighted_layers(module)
        weights = {id(layer.weight) for layer in layers}
        assert all(id(p) in weights for p in module.parameters() if p.ndim > 1)
        others = [(p, p.detach().clone()) for p in module.parameters() if id(p) not in weights]
        limit_norms(module, 0.01)
        for layer in layers:
            dim = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
            norms = layer.weight.detach().movedim(dim, 0).flatten(1).norm(dim=1)
            assert float(norms.max()) <= 0.01 * (1 + 1e-5)
            assert float(norms.max()) > 0.0099
        assert all(torch.equal(now, before) for now, before in others)
