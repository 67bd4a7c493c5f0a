"""BEGAN on paper: its layers, and a D that answers with minus its error."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.modules.began import BeganDecoder, BeganDiscriminator, BeganGenerator
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.step import Batch
from tests.trainers.architectures.layers import generated, judged, on_paper, parameters
from tests.trainers.architectures.practice import bound_to_channels, game, idle, small

OPTIONS: list[dict[str, Any]] = [{}, {"skip": True}, {"repeats": 2}, {"repeats": 3, "skip": True}]


def conv(inputs: int, outputs: int) -> int:
    return inputs * outputs * 9 + outputs


def parts(networks: Networks) -> tuple[BeganGenerator, BeganDiscriminator]:
    generator, discriminator = networks.generator, networks.discriminator
    assert isinstance(generator, BeganGenerator)
    assert isinstance(discriminator, BeganDiscriminator)
    return generator, discriminator


def test_layers_of_the_decoder() -> None:
    """n = 64, codes of 64, 64 px: all filters 64, two convolutions per size."""
    networks = on_paper(64, 3, "began")
    convs = [layer for layer in generated(networks) if layer[0] == "Conv2D"]
    sides = [8, 8, 16, 16, 32, 32, 64, 64]
    assert convs[:-1] == [("Conv2D", (64, side, side), conv(64, 64)) for side in sides]
    assert convs[-1] == ("Conv2D", (3, 64, 64), conv(64, 3))
    assert generated(networks)[0] == ("Dense", (4096,), 64 * 4096 + 4096)
    assert parameters(networks.generator) == 563_395


def test_layers_of_the_discriminator() -> None:
    """Filters grow linearly, n more with each halving."""
    networks = on_paper(64, 3, "began")
    layers = [layer for layer in judged(networks, 3) if layer[0] in ("Conv2D", "Dense")]
    encoder = [
        ("Conv2D", (64, 64, 64), conv(3, 64)),
        *[("Conv2D", (64, 64, 64), conv(64, 64))] * 2,
        ("Conv2D", (128, 32, 32), conv(64, 128)),
        *[("Conv2D", (128, 32, 32), conv(128, 128))] * 2,
        ("Conv2D", (192, 16, 16), conv(128, 192)),
        *[("Conv2D", (192, 16, 16), conv(192, 192))] * 2,
        ("Conv2D", (256, 8, 8), conv(192, 256)),
        *[("Conv2D", (256, 8, 8), conv(256, 256))] * 2,
        ("Dense", (64,), 256 * 64 * 64 + 64),
    ]
    decoder = [layer for layer in generated(networks) if layer[0] in ("Conv2D", "Dense")]
    assert layers == encoder + decoder


@pytest.mark.parametrize(("size", "levels"), [(32, 3), (64, 4), (128, 5)])
def test_sizes(size: int, levels: int) -> None:
    networks = on_paper(size, 1, "began", width=8)
    flat = [layer for layer in judged(networks, 1) if layer[0] == "Flatten"]
    assert flat == [("Flatten", (8 * levels * 64,), 0)]
    assert generated(networks)[-1] == ("Conv2D", (1, size, size), conv(8, 1))


def test_hidden_and_latent_are_the_lengths_of_codes() -> None:
    networks = on_paper(32, 3, "began", width=8, hidden=11, latent=7)
    dense = [layer for layer in judged(networks, 3) if layer[0] == "Dense"]
    assert [layer[1:] for layer in dense] == [
        ((11,), 8 * 3 * 64 * 11 + 11),
        ((512,), 11 * 512 + 512),
    ]
    assert generated(networks)[0] == ("Dense", (512,), 7 * 512 + 512)


def test_d_is_minus_the_mean_absolute_error() -> None:
    _, discriminator = parts(small("began"))
    x_BCHW = torch.rand(5, 3, 32, 32) * 2 - 1
    x_hat_BCHW = discriminator.reconstruct(x_BCHW)
    assert x_hat_BCHW.shape == x_BCHW.shape
    errors = [float((x - y).abs().mean()) for x, y in zip(x_BCHW, x_hat_BCHW.detach(), strict=True)]
    torch.testing.assert_close(discriminator(x_BCHW), -torch.tensor(errors))


def test_d_by_hand() -> None:
    """A decoder that always draws 0.25: an image of -0.5 and one half 1, half 0."""
    _, discriminator = parts(small("began"))
    nn.init.zeros_(discriminator.decoder.last.weight)
    assert discriminator.decoder.last.bias is not None
    nn.init.constant_(discriminator.decoder.last.bias, 0.25)
    x_BCHW = torch.full((2, 3, 32, 32), -0.5)
    x_BCHW[1] = 0.0
    x_BCHW[1, :, :16] = 1.0
    torch.testing.assert_close(discriminator(x_BCHW), torch.tensor([-0.75, -0.5]))


def test_gradient_flows_through_the_image_and_its_reconstruction() -> None:
    """Against finite differences in float64, for a random direction."""
    _, discriminator = parts(small("began"))
    discriminator.double()
    x_BCHW = (torch.rand(1, 3, 32, 32, dtype=torch.float64) * 2 - 1).requires_grad_(True)
    direction = torch.randn_like(x_BCHW)
    (slope,) = torch.autograd.grad(discriminator(x_BCHW).sum(), x_BCHW)
    step = 1e-6
    with torch.no_grad():
        ahead, behind = (discriminator(x_BCHW + sign * step * direction).sum() for sign in (1, -1))
        x_hat_BCHW = discriminator.reconstruct(x_BCHW)
    measured = float((ahead - behind) / (2 * step))
    assert float((slope * direction).sum()) == pytest.approx(measured, rel=1e-4)
    image_only = -(x_BCHW - x_hat_BCHW).sign() / x_BCHW.numel()
    assert not torch.allclose(slope, image_only, rtol=1e-2)


def test_z_becomes_uniform() -> None:
    """The quartiles of the standard normal are at -0.6745 and 0.6745."""
    generator, _ = parts(small("began"))
    seen: list[Tensor] = []
    generator.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator(torch.tensor([-9.0, -0.67449, 0.0, 0.67449, 9.0, 0.0, 0.0, 0.0])[None])
    expected = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(seen[0][0], expected, atol=1e-5, rtol=0)


def test_images_are_clipped_when_drawn_and_free_in_training() -> None:
    generator, _ = parts(small("began"))
    assert generator.decoder.last.bias is not None
    nn.init.constant_(generator.decoder.last.bias, 3.0)
    z_BZ = torch.randn(2, 8)
    free_BCHW = generator.train()(z_BZ).detach()
    assert float(free_BCHW.max()) > 1
    drawn_BCHW = generator.eval()(z_BZ).detach()
    assert torch.equal(drawn_BCHW, free_BCHW.clamp(-1, 1))


def test_skip_shows_the_first_map_again_after_each_upsampling() -> None:
    networks = on_paper(64, 3, "began", skip=True)
    added = 3 * 64 * 64 * 9
    assert parameters(networks.generator) == 563_395 + added
    generator, _ = parts(small("began", 64, skip=True))
    seen = inputs_of_blocks(generator.decoder, torch.randn(2, 8))
    for level in (1, 2, 3):
        first = seen[0].repeat_interleave(2**level, 2).repeat_interleave(2**level, 3)
        assert torch.equal(seen[level][:, 2:], first)


def inputs_of_blocks(decoder: BeganDecoder, code_BZ: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []
    for block in decoder.blocks:
        block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    decoder(code_BZ)
    return seen


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_learns_with_every_option(options: dict[str, Any]) -> None:
    assert idle("began", small("began", **options)) == set()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_that_transfer_to_grey(options: dict[str, Any]) -> None:
    """D draws too: its last layer is bound to the channels as well."""
    assert bound_to_channels("began", **options) == {
        "generator.decoder.last.weight",
        "generator.decoder.last.bias",
        "partner.encoder.body.0.weight",
        "partner.decoder.last.weight",
        "partner.decoder.last.bias",
    }


def test_d_learns_to_reconstruct_reals() -> None:
    """The error on reals falls under the BEGAN loss, at first with k = 0."""
    networks = small("began", width=8)
    player = game("began", networks, discriminator={"lr": 2e-3}, generator={"lr": 1e-3})
    x_BCHW = torch.rand(16, 3, 1, 1).expand(-1, -1, 32, 32) * 2 - 1
    before = float(networks.discriminator(x_BCHW).detach().mean())
    for iteration in range(30):
        stats = player.play([Batch(x_BCHW, None)], iteration)
    assert before < -0.3
    assert float(stats.real_logit) > 0.6 * before
