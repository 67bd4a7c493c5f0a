"""C2 layer by layer, its sampling layer, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from animesearch.trainers.config import TrialConfig
from animesearch.trainers.modules.networks import Code, Networks
from animesearch.trainers.step import Batch
from tests.trainers.architectures.layers import generated, on_paper, parameters, stage_shapes
from tests.trainers.architectures.practice import bound_to_channels, faces, game, idle, small

DECODER = [
    ("Dense", (1024,), 128 * 1024 + 1024),
    ("ReLU", (1024,), 0),
    ("Reshape", (256, 2, 2), 0),
    ("Conv2DTranspose", (256, 4, 4), 256 * 256 * 9),
    ("BatchNormalization", (256, 4, 4), 2 * 256),
    ("ReLU", (256, 4, 4), 0),
    ("Conv2DTranspose", (128, 8, 8), 256 * 128 * 9),
    ("BatchNormalization", (128, 8, 8), 2 * 128),
    ("ReLU", (128, 8, 8), 0),
    ("Conv2DTranspose", (64, 16, 16), 128 * 64 * 9),
    ("BatchNormalization", (64, 16, 16), 2 * 64),
    ("ReLU", (64, 16, 16), 0),
    ("Conv2DTranspose", (32, 32, 32), 64 * 32 * 9),
    ("BatchNormalization", (32, 32, 32), 2 * 32),
    ("ReLU", (32, 32, 32), 0),
    ("Conv2DTranspose", (16, 64, 64), 32 * 16 * 9),
    ("BatchNormalization", (16, 64, 64), 2 * 16),
    ("ReLU", (16, 64, 64), 0),
    ("Conv2DTranspose", (3, 64, 64), 16 * 3 * 9 + 3),
]


def test_the_layers_of_the_seed() -> None:
    """Dense 512 in the encoder, 1024 in the decoder, mean and logarithm of the variance."""
    networks = on_paper(64, 3, "ganime-vae")
    assert generated(networks) == DECODER
    encoder = networks.encoder
    shapes = stage_shapes(encoder.get_submodule("body"), torch.zeros(2, 3, 64, 64, device="meta"))
    blocks = [(16, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)]
    assert shapes == [s for s in blocks for _ in range(3)] + [(1024,), (512,), (512,)]
    convs = sum(i * o * 9 + 2 * o for i, o in [(3, 16), (16, 32), (32, 64), (64, 128), (128, 256)])
    dense = 1024 * 512 + 512 + 2 * (512 * 128 + 128)
    assert parameters(encoder) == convs + dense
    code = encoder(torch.zeros(2, 3, 64, 64, device="meta"))
    assert code.mean_BZ.shape == code.log_var_BZ.shape == (2, 128)


@pytest.mark.parametrize("size", [32, 128])
def test_other_sizes(size: int) -> None:
    layers = generated(on_paper(size, 1, "ganime-vae"))
    side = size // 32
    assert layers[2] == ("Reshape", (256, side, side), 0)
    assert layers[-1] == ("Conv2DTranspose", (1, size, size), 16 * 9 + 1)


def test_a_trial_minimises_absolute_error_and_divergence() -> None:
    loss = TrialConfig.model_validate({"architecture": "ganime-vae"}).loss
    assert (loss.name, loss.model_dump()["kl"]) == ("mae", 1.0)


def test_every_parameter_learns() -> None:
    assert idle("ganime-vae", small("ganime-vae", width=4)) == set()


def test_weights_that_transfer_to_grey() -> None:
    assert bound_to_channels("ganime-vae") == {
        "generator.last.weight",
        "generator.last.bias",
        "partner.body.0.weight",
    }


def test_the_sampling_layer() -> None:
    """z = mean + exp(log_var / 2) * eps, as the seed writes it."""
    mean_BZ = torch.tensor([[1.0, -2.0]])
    code = Code(mean_BZ, torch.tensor([[0.0, 2.0]]))
    torch.manual_seed(5)
    drawn_BZ = code.sample()
    torch.manual_seed(5)
    noise_BZ = torch.randn(1, 2)
    torch.testing.assert_close(drawn_BZ, mean_BZ + noise_BZ * torch.tensor([[1.0, 2.718282]]))
    assert not torch.equal(code.sample(), code.sample())


def test_images_are_drawn_from_the_standard_normal() -> None:
    networks = small("ganime-vae")
    decoder = networks.decoder.eval()
    before = decoder.state_dict().keys()
    decoder.observe(torch.randn(16, 8) * 100)
    z_BZ = torch.randn(3, 8)
    assert torch.equal(decoder(z_BZ), decoder.decode(z_BZ))
    assert not any("code" in key for key in before)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_a_variance_stays_finite_and_positive(scale: float) -> None:
    networks = small("ganime-vae")
    log_var = networks.encoder.get_submodule("log_var")
    torch.nn.init.constant_(log_var.bias, scale)
    code = networks.encoder(torch.rand(4, 3, 32, 32))
    assert code.log_var_BZ is not None
    assert bool(code.log_var_BZ.exp().isfinite().all())
    assert bool((code.log_var_BZ.exp() > 0).all())
    assert bool(code.sample().isfinite().all())


def test_learns_to_reconstruct_faces() -> None:
    """200 steps beat the mean image on unseen faces, and the code carries information."""
    x_NCHW, unseen_NCHW = faces(128, 32), faces(64, 32, first=128)
    networks = small("ganime-vae", width=4, latent=16, dense=64)
    untrained, _ = read(networks, unseen_NCHW)
    optimiser = {"lr": 3e-3, "beta1": 0.9}
    player = game("ganime-vae", networks, generator=optimiser, discriminator=optimiser)
    for iteration in range(200):
        rows = torch.randint(0, len(x_NCHW), (16,))
        player.play([Batch(x_NCHW[rows], None)], iteration)
    trained, divergence = read(networks, unseen_NCHW)
    mean_image = float((unseen_NCHW - x_NCHW.mean(0)).abs().mean())
    assert trained < 0.95 * mean_image < untrained
    assert 2 < divergence < 100


def read(networks: Networks, x_BCHW: Tensor) -> tuple[float, float]:
    """Mean absolute error of reconstructions, and the divergence of the codes."""
    encoder, decoder = networks.encoder.eval(), networks.decoder.eval()
    with torch.no_grad():
        mean_BZ, log_var_BZ = encoder(x_BCHW)
        x_hat_BCHW = decoder.decode(mean_BZ)
    encoder.train()
    decoder.train()
    terms_BZ = mean_BZ.square() + log_var_BZ.exp() - log_var_BZ - 1
    return float((x_hat_BCHW - x_BCHW).abs().mean()), float(terms_BZ.sum(1).mean() / 2)
