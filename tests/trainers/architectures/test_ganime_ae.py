"""C1 layer by layer, sampling by the Gaussian of the codes, and that it learns."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from animesearch.errors import MetricError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.networks import Decoder, Networks
from animesearch.trainers.sampling import Sampler
from animesearch.trainers.step import Batch
from tests.trainers.architectures.layers import on_paper, parameters, stage_shapes
from tests.trainers.architectures.practice import bound_to_channels, faces, game, idle, small


class Codes(Decoder):
    """Shows codes as they are: "images" (B, Z)."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, 1)

    def decode(self, code_BZ: Tensor) -> Tensor:
        return code_BZ


def shapes(body: nn.Module, *inputs: int) -> list[tuple[str, tuple[int, ...]]]:
    """Kinds and output shapes of the children of ``body``."""
    kinds = [type(part).__name__ for part in body.children()]
    found = stage_shapes(body, torch.zeros(2, *inputs, device="meta"))
    return list(zip(kinds, found, strict=True))


def kinds(body: nn.Module) -> dict[str, int]:
    names = [type(part).__name__ for part in body.modules()]
    return {name: names.count(name) for name in set(names)}


def test_the_last_version_of_the_seed() -> None:
    """Five blocks of convolution, batch norm and ReLU, a code of 512, and the mirror of it."""
    networks = on_paper(64, 3, "ganime-ae")
    encoder, decoder = networks.encoder, networks.decoder
    triples = shapes(encoder.get_submodule("body"), 3, 64, 64)
    blocks = [(16, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)]
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert triples == [(kind, shape) for shape in blocks for kind in block] + [("Flatten", (1024,))]
    assert encoder(torch.zeros(2, 3, 64, 64, device="meta")).mean_BZ.shape == (2, 512)
    back = shapes(decoder.get_submodule("body"), 512)
    assert back[:3] == [("Linear", (1024,)), ("ReLU", (1024,)), ("Unflatten", (256, 2, 2))]
    mirror = [(256, 4, 4), (128, 8, 8), (64, 16, 16), (32, 32, 32), (16, 64, 64)]
    block = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert back[3:] == [(kind, shape) for shape in mirror for kind in block]
    last = decoder.get_submodule("last")
    assert isinstance(last, nn.ConvTranspose2d)
    assert tuple(last.weight.shape) == (16, 3, 3, 3)
    convs = [(3, 16), (16, 32), (32, 64), (64, 128), (128, 256)]
    assert parameters(encoder) == sum(i * o * 9 + 2 * o for i, o in convs) + 1024 * 512 + 512
    convs = [(256, 256), (256, 128), (128, 64), (64, 32), (32, 16)]
    counts = [i * o * 9 + 2 * o for i, o in convs]
    assert parameters(decoder) == sum(counts) + 512 * 1024 + 1024 + 16 * 3 * 9 + 3


def test_the_first_version_of_the_seed() -> None:
    """Six convolutions, 16 to 256, two of 128; dense 128 and 64; 32; no batch norm."""
    networks = on_paper(64, 3, "ganime-ae", version=1)
    encoder, decoder = networks.encoder, networks.decoder
    stages = shapes(encoder.get_submodule("body"), 3, 64, 64)
    assert [shape for kind, shape in stages if kind == "Conv2d"] == [
        (16, 32, 32),
        (32, 16, 16),
        (64, 8, 8),
        (128, 4, 4),
        (128, 4, 4),
        (256, 2, 2),
    ]
    assert [shape for kind, shape in stages if kind == "Linear"] == [(128,), (64,)]
    assert encoder(torch.zeros(2, 3, 64, 64, device="meta")).mean_BZ.shape == (2, 32)
    back = shapes(decoder.get_submodule("body"), 32)
    assert [shape for kind, shape in back if kind == "Linear"] == [(64,), (128,), (1024,)]
    assert [shape for kind, shape in back if kind == "ConvTranspose2d"] == [
        (256, 4, 4),
        (128, 4, 4),
        (128, 8, 8),
        (64, 16, 16),
        (32, 32, 32),
        (16, 64, 64),
    ]
    assert type(decoder.get_submodule("last")) is nn.Conv2d
    assert "BatchNorm2d" not in kinds(encoder) | kinds(decoder)
    convs = [(3, 16), (16, 32), (32, 64), (64, 128), (128, 128), (128, 256)]
    dense = [(1024, 128), (128, 64), (64, 32)]
    expected = sum(i * o * 9 + o for i, o in convs) + sum(i * o + o for i, o in dense)
    assert parameters(encoder) == expected


def test_the_code_is_as_long_as_the_version_has_it() -> None:
    parse = ARCHITECTURES.parse
    latents = [
        parse({"name": "ganime-ae", **options}).model_dump()["latent"]
        for options in ({}, {"version": 1}, {"version": 1, "latent": 7})
    ]
    assert latents == [512, 32, 7]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("size", "deepest"), [(32, (256, 1, 1)), (128, (256, 4, 4))])
def test_other_sizes(version: int, size: int, deepest: tuple[int, ...]) -> None:
    networks = on_paper(size, 1, "ganime-ae", version=version)
    stages = shapes(networks.encoder.get_submodule("body"), 1, size, size)
    assert next(shape for kind, shape in reversed(stages) if kind == "ReLU" and len(shape) > 1) == (
        deepest
    )
    images = networks.decoder.decode(torch.zeros(2, networks.decoder.latent_dim, device="meta"))
    assert images.shape == (2, 1, size, size)


@pytest.mark.parametrize("version", [1, 2])
def test_weights_that_transfer_to_grey(version: int) -> None:
    assert bound_to_channels("ganime-ae", version=version) == {
        "generator.last.weight",
        "generator.last.bias",
        "partner.body.0.weight",
    }


@pytest.mark.parametrize("version", [1, 2])
def test_every_parameter_learns(version: int) -> None:
    networks = small("ganime-ae", version=version, width=4)
    assert idle("ganime-ae", networks) == set()


def error(networks: Networks, x_BCHW: Tensor) -> float:
    """Mean squared error of reconstructions in evaluation mode."""
    for module in (networks.encoder, networks.decoder):
        module.eval()
    with torch.no_grad():
        x_hat_BCHW = networks.decoder.decode(networks.encoder(x_BCHW).mean_BZ)
    for module in (networks.encoder, networks.decoder):
        module.train()
    return float((x_hat_BCHW - x_BCHW).square().mean())


def train(networks: Networks, x_NCHW: Tensor, steps: int, lr: float) -> None:
    """Real steps on batches of 16."""
    optimiser = {"lr": lr, "beta1": 0.9}
    player = game("ganime-ae", networks, generator=optimiser, discriminator=optimiser)
    torch.manual_seed(1)
    for iteration in range(steps):
        rows = torch.randint(0, len(x_NCHW), (16,))
        player.play([Batch(x_NCHW[rows], None)], iteration)


@pytest.mark.parametrize(("version", "share"), [(1, 0.97), (2, 0.75)])
def test_learns_to_reconstruct_faces(version: int, share: float) -> None:
    """A few steps lower the error; 200 beat the mean image on faces that it has not seen."""
    x_NCHW, unseen_NCHW = faces(128, 32), faces(64, 32, first=128)
    networks = small("ganime-ae", version=version, width=8, latent=64)
    untrained = error(networks, unseen_NCHW)
    train(networks, x_NCHW, 20, lr=3e-3)
    assert error(networks, unseen_NCHW) < 0.9 * untrained
    train(networks, x_NCHW, 180, lr=3e-3)
    mean_image = float((unseen_NCHW - x_NCHW.mean(0)).square().mean())
    assert error(networks, unseen_NCHW) < share * mean_image < untrained


def test_draws_from_the_gaussian_of_the_codes_it_saw() -> None:
    """After training, codes of drawn images spread like codes of real ones."""
    networks = small("ganime-ae", width=4, latent=6)
    x_NCHW = faces(64, 32)
    train(networks, x_NCHW, 30, lr=1e-4)
    seen: list[Tensor] = []
    body = networks.decoder.get_submodule("body")
    body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    networks.decoder(torch.randn(1000, 6))
    code_BZ = networks.encoder(x_NCHW).mean_BZ.detach()
    (drawn_BZ,) = seen
    spread = float(code_BZ.std(0).mean())
    assert not torch.allclose(code_BZ.std(0), torch.ones(6), atol=0.1)
    torch.testing.assert_close(drawn_BZ.mean(0), code_BZ.mean(0), atol=spread / 4, rtol=0)
    torch.testing.assert_close(drawn_BZ.std(0), code_BZ.std(0), atol=spread / 4, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    dim=st.integers(1, 5),
    batches=st.integers(1, 50),
    batch=st.integers(2, 9),
    scale=st.floats(0.01, 100),
    seed=st.integers(0, 1000),
)
def test_the_gaussian_is_that_of_the_pooled_codes(
    dim: int, batches: int, batch: int, scale: float, seed: int
) -> None:
    """``forward`` is affine: its offset is the mean, its matrix a root of the covariance."""
    rng = torch.Generator().manual_seed(seed)
    shift_Z = torch.randn(dim, generator=rng) * 3
    code_NBZ = torch.randn(batches, batch, dim, generator=rng) * scale + shift_Z
    decoder = Codes(dim)
    for code_BZ in code_NBZ:
        decoder.observe(code_BZ)
    pooled_BZ = code_NBZ.flatten(0, 1)
    offset_Z = decoder(torch.zeros(1, dim))[0]
    root_ZZ = decoder(torch.eye(dim)) - offset_Z
    tolerance = 1e-3 * (scale + float(shift_Z.abs().max()))
    torch.testing.assert_close(offset_Z, pooled_BZ.mean(0), atol=tolerance, rtol=1e-3)
    covariance_ZZ = torch.cov(pooled_BZ.T, correction=0).reshape(dim, dim)
    torch.testing.assert_close(
        root_ZZ @ root_ZZ.T, covariance_ZZ, atol=tolerance * scale, rtol=1e-3
    )


def test_samples_have_the_moments_of_the_codes() -> None:
    torch.manual_seed(0)
    mixing_ZZ = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.3, 0.2]])
    mean_Z = torch.tensor([1.0, -2.0, 5.0])
    decoder = Codes(3)
    for _ in range(200):
        decoder.observe(torch.randn(64, 3) @ mixing_ZZ.T + mean_Z)
    drawn_BZ = decoder(torch.randn(200_000, 3))
    torch.testing.assert_close(drawn_BZ.mean(0), mean_Z, atol=0.06, rtol=0)
    torch.testing.assert_close(torch.cov(drawn_BZ.T), mixing_ZZ @ mixing_ZZ.T, atol=0.25, rtol=0)


def test_old_codes_fade() -> None:
    """An encoder that has moved on is followed: 0.98 ** 800 is 1e-7."""
    torch.manual_seed(0)
    decoder = Codes(2)
    for _ in range(100):
        decoder.observe(torch.randn(64, 2) * 10 + 50)
    for _ in range(800):
        decoder.observe(torch.randn(64, 2) * 0.1)
    drawn_BZ = decoder(torch.randn(10_000, 2))
    assert float(drawn_BZ.mean().abs()) < 0.05
    assert float(drawn_BZ.std()) == pytest.approx(0.1, rel=0.1)


def test_fewer_codes_than_dimensions() -> None:
    """The covariance is singular: samples stay in the plane of the codes."""
    torch.manual_seed(0)
    code_BZ = torch.randn(3, 10)
    decoder = Codes(10)
    decoder.observe(code_BZ)
    drawn_BZ = decoder(torch.randn(50, 10)) - code_BZ.mean(0)
    plane_ZK = torch.linalg.svd((code_BZ - code_BZ.mean(0)).T, full_matrices=False).U[:, :2]
    torch.testing.assert_close(drawn_BZ @ plane_ZK @ plane_ZK.T, drawn_BZ, atol=2e-3, rtol=0)
    assert float(drawn_BZ.norm(dim=1).mean()) > 0.5


def test_a_small_change_of_the_codes_moves_a_sample_a_little() -> None:
    """Equal variances but for 0.001, along the axes or between them: eigenvectors turn by 45°."""
    z_BZ = torch.tensor([[1.0, 0.0], [0.3, -2.0]])
    images = []
    for change in ([[1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [1.0, 0.0]], [[-1.0, 0.0], [0.0, 1.0]]):
        decoder = Codes(2)
        decoder.code_covariance_ZZ.copy_(torch.eye(2) + 1e-3 * torch.tensor(change))
        images.append(decoder(z_BZ))
    for image in images:
        torch.testing.assert_close(image, z_BZ, atol=5e-3, rtol=0)


def test_codes_that_are_not_finite_are_refused_when_drawn() -> None:
    networks = small("ganime-ae")
    networks.decoder.observe(torch.full((4, 8), torch.inf))
    with pytest.raises(MetricError, match="not finite"):
        Sampler(networks.decoder)(0, 2)


def test_the_gaussian_is_kept_with_the_weights() -> None:
    torch.manual_seed(0)
    first, second = Codes(3), Codes(3)
    for _ in range(5):
        first.observe(torch.randn(8, 3) * 4 + 1)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    z_BZ = torch.randn(4, 3)
    assert torch.equal(first(z_BZ), second(z_BZ))
    code_BZ = torch.randn(8, 3)
    first.observe(code_BZ)
    second.observe(code_BZ)
    assert torch.equal(first(z_BZ), second(z_BZ))
