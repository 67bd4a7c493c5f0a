"""C3 layer by layer, and each of C4's options by what it changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.modules.ganime import GanimeGenerator, TrainingNoise
from animesearch.trainers.modules.networks import Networks
from tests.trainers.architectures.layers import Layer, generated, judged, on_paper, parameters
from tests.trainers.architectures.practice import bound_to_channels, idle, small

GENERATOR = [
    ("Dense", (8192,), 100 * 8192 + 8192),
    ("Reshape", (512, 4, 4), 0),
    ("ReLU", (512, 4, 4), 0),
    ("Conv2DTranspose", (256, 8, 8), 512 * 256 * 16 + 256),
    ("ReLU", (256, 8, 8), 0),
    ("Conv2DTranspose", (128, 16, 16), 256 * 128 * 16 + 128),
    ("ReLU", (128, 16, 16), 0),
    ("Conv2DTranspose", (64, 32, 32), 128 * 64 * 16 + 64),
    ("ReLU", (64, 32, 32), 0),
    ("Conv2DTranspose", (3, 64, 64), 64 * 3 * 16 + 3),
]
DISCRIMINATOR = [
    ("Conv2D", (16, 64, 64), 3 * 16 * 9 + 16),
    ("ReLU", (16, 64, 64), 0),
    ("Conv2D", (32, 64, 64), 16 * 32 * 9 + 32),
    ("ReLU", (32, 64, 64), 0),
    ("MaxPool2d", (32, 32, 32), 0),
    ("Conv2D", (64, 16, 16), 32 * 64 * 9 + 64),
    ("ReLU", (64, 16, 16), 0),
    ("Conv2D", (128, 8, 8), 64 * 128 * 9 + 128),
    ("ReLU", (128, 8, 8), 0),
    ("Conv2D", (256, 4, 4), 128 * 256 * 9 + 256),
    ("ReLU", (256, 4, 4), 0),
    ("Flatten", (4096,), 0),
    ("Dense", (512,), 4096 * 512 + 512),
    ("ReLU", (512,), 0),
    ("Dense", (512,), 512 * 512 + 512),
    ("ReLU", (512,), 0),
    ("Dense", (1,), 513),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"batch_norm": True},
    {"duplicate": True},
    {"skip": "2-5"},
    {"skip": "all"},
    {"noise": 0.1},
    {"extra_stage": True},
    {"upsample": "nearest"},
    {"kernel": 3},
    {"kernel": 5},
    {"d_stride": 1},
    {"duplicate": True, "skip": "2-5", "extra_stage": True, "batch_norm": True, "noise": 0.1},
    {"upsample": "nearest", "skip": "all", "extra_stage": True, "duplicate": True},
]


def layers(kind: str, **options: Any) -> list[Layer]:
    """G's layers of one kind at 64 px in colour."""
    drawn = generated(on_paper(64, 3, "ganime-gan", **options))
    return [layer for layer in drawn if layer[0] == kind]


def generator_of(networks: Networks) -> GanimeGenerator:
    assert isinstance(networks.generator, GanimeGenerator)
    return networks.generator


def with_weights_of(plain: Networks, networks: Networks) -> tuple[nn.Module, nn.Module]:
    """Both generators in evaluation mode, the second with the first's weights where it has them."""
    result = networks.generator.load_state_dict(plain.generator.state_dict(), strict=False)
    assert not result.unexpected_keys
    return plain.generator.eval(), networks.generator.eval()


def test_the_layers_of_the_seed() -> None:
    networks = on_paper(64, 3, "ganime-gan")
    assert generated(networks) == GENERATOR
    assert judged(networks, 3) == DISCRIMINATOR
    assert parameters(networks.generator) == 3_583_427
    assert parameters(networks.discriminator) == 2_753_441


def test_grey_differs_in_two_layers_only() -> None:
    networks = on_paper(64, 1, "ganime-gan")
    last = ("Conv2DTranspose", (1, 64, 64), 64 * 16 + 1)
    assert generated(networks) == [*GENERATOR[:-1], last]
    first = ("Conv2D", (16, 64, 64), 16 * 9 + 16)
    assert judged(networks, 1) == [first, *DISCRIMINATOR[1:]]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_weights_that_transfer_to_grey(options: dict[str, Any]) -> None:
    """All but the last layer of G and the first of D (C6)."""
    last = "last.1" if options.get("upsample") and not options.get("extra_stage") else "last"
    assert bound_to_channels("ganime-gan", **options) == {
        f"generator.{last}.weight",
        f"generator.{last}.bias",
        "partner.body.0.weight",
    }


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_learns_with_every_option(options: dict[str, Any]) -> None:
    networks = small("ganime-gan", **options)
    assert idle("ganime-gan", networks) == set()
    x_BCHW = networks.generator.eval()(torch.randn(2, 8)).detach()
    assert x_BCHW.shape == (2, 3, 32, 32)
    assert 0 <= float(x_BCHW.min()) < float(x_BCHW.max()) <= 1


@pytest.mark.parametrize(("size", "sides"), [(32, [8, 16, 32]), (128, [8, 16, 32, 64, 128])])
def test_other_sizes_have_other_numbers_of_doublings(size: int, sides: list[int]) -> None:
    networks = on_paper(size, 3, "ganime-gan")
    doublings = [shape for kind, shape, _ in generated(networks) if kind == "Conv2DTranspose"]
    assert doublings[:-1] == [(512 * 4 // side, side, side) for side in sides[:-1]]
    assert doublings[-1] == (3, size, size)
    assert judged(networks, 3)[-6] == ("Flatten", (256 * (size // 16) ** 2,), 0)


def test_the_other_reading_of_d() -> None:
    drawn = judged(on_paper(64, 3, "ganime-gan", d_stride=1), 3)
    assert drawn[9] == ("Conv2D", (256, 32, 32), 128 * 256 * 9 + 256)
    assert drawn[12] == ("Dense", (512,), 134_217_728 + 512)


def test_batch_norm_follows_every_layer_but_the_last() -> None:
    assert layers("BatchNormalization") == []
    assert layers("BatchNormalization", batch_norm=True) == [
        ("BatchNormalization", (512, 4, 4), 1024),
        ("BatchNormalization", (256, 8, 8), 512),
        ("BatchNormalization", (128, 16, 16), 256),
        ("BatchNormalization", (64, 32, 32), 128),
    ]
    biased = [count for _, _, count in layers("Conv2DTranspose", batch_norm=True)]
    assert biased == [512 * 256 * 16, 256 * 128 * 16, 128 * 64 * 16, 64 * 3 * 16 + 3]


def test_duplicate_adds_a_layer_of_stride_1_after_each_doubling_but_the_last() -> None:
    found = layers("Conv2DTranspose", duplicate=True)
    extra = [(256, 8), (128, 16), (64, 32)]
    assert found[1::2] == [("Conv2DTranspose", (n, side, side), n * n * 9 + n) for n, side in extra]
    assert [*found[::2]] == layers("Conv2DTranspose")


def test_extra_stage_is_one_more_layer_at_full_size() -> None:
    *before, last = layers("Conv2DTranspose")
    *same, doubling, image = layers("Conv2DTranspose", extra_stage=True)
    assert same == before
    assert doubling == ("Conv2DTranspose", (32, 64, 64), 64 * 32 * 16 + 32)
    assert image == ("Conv2DTranspose", (3, 64, 64), 32 * 3 * 9 + 3)
    assert last == ("Conv2DTranspose", (3, 64, 64), 64 * 3 * 16 + 3)


def test_nearest_upsampling_replaces_the_transposed_convolutions() -> None:
    assert layers("Conv2DTranspose", upsample="nearest") == []
    assert layers("Conv2D", upsample="nearest") == [
        ("Conv2D", (256, 8, 8), 512 * 256 * 9 + 256),
        ("Conv2D", (128, 16, 16), 256 * 128 * 9 + 128),
        ("Conv2D", (64, 32, 32), 128 * 64 * 9 + 64),
        ("Conv2D", (3, 64, 64), 64 * 3 * 9 + 3),
    ]
    sides = [shape[-1] for _, shape, _ in layers("UpSampling2D", upsample="nearest")]
    assert sides == [8, 16, 32, 64]
    assert layers("UpSampling2D") == []


@pytest.mark.parametrize("kernel", [3, 5])
def test_kernel(kernel: int) -> None:
    for plain, other in zip(
        layers("Conv2DTranspose"), layers("Conv2DTranspose", kernel=kernel), strict=True
    ):
        (_, shape, count), (_, other_shape, other_count) = plain, other
        filters = shape[0]
        assert other_shape == shape
        assert other_count - filters == (count - filters) * kernel**2 // 16


@pytest.mark.parametrize(("size", "extra_stage"), [(32, False), (64, False), (64, True)])
def test_skip_from_the_second_layer_to_the_last_doubling(size: int, extra_stage: bool) -> None:
    generator = generator_of(small("ganime-gan", size, skip="2-5", extra_stage=extra_stage))
    seen: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        return lambda _, inputs, output: seen.update({f"{name} in": inputs[0], name: output})

    stages = [*generator.stages, generator.last]
    # The last doubling is the image's layer, or with the extra one the layer before that.
    end = len(stages) - 1 - extra_stage
    for number, stage in enumerate(stages):
        stage.register_forward_hook(note(str(number)))
    generator(torch.randn(2, 8))
    joined = seen[f"{end} in"] - seen[f"{end - 1}"]
    assert generator.skip is not None
    factor = joined.shape[-1] // 8
    expected = generator.skip(seen["0"].repeat_interleave(factor, 2).repeat_interleave(factor, 3))
    assert factor == size // 16
    torch.testing.assert_close(joined, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(("skip", "number"), [("2-5", 1), ("all", 3)])
def test_shortcuts_of_weight_zero_change_nothing(skip: str, number: int) -> None:
    """And with any other weight they do."""
    plain, skipping = with_weights_of(small("ganime-gan", 64), small("ganime-gan", 64, skip=skip))
    shortcuts = [m for m in skipping.modules() if getattr(m, "kernel_size", None) == (1, 1)]
    assert len(shortcuts) == number
    z_BZ = torch.randn(4, 8)
    assert not torch.allclose(skipping(z_BZ), plain(z_BZ), atol=1e-6)
    for shortcut in shortcuts:
        for weight in shortcut.parameters():
            nn.init.zeros_(weight)
    torch.testing.assert_close(skipping(z_BZ), plain(z_BZ))


def test_noise_between_the_layers_is_for_training_only() -> None:
    plain, noisy = with_weights_of(small("ganime-gan", 64), small("ganime-gan", 64, noise=0.5))
    z_BZ = torch.randn(4, 8)
    torch.testing.assert_close(noisy(z_BZ), plain(z_BZ))
    noisy.train()
    assert not torch.allclose(noisy(z_BZ), noisy(z_BZ), atol=1e-4)
    assert len(layers("TrainingNoise", noise=0.5)) == 4
    assert layers("TrainingNoise") == []


def test_noise_has_the_deviation_asked_for() -> None:
    torch.manual_seed(0)
    noise = TrainingNoise(0.3)
    added = noise(torch.full((10, 10, 20, 20), 5.0)) - 5
    assert float(added.std()) == pytest.approx(0.3, rel=0.02)
    assert float(added.mean()) == pytest.approx(0.0, abs=0.01)


def test_weights_begin_as_keras_draws_them() -> None:
    """Glorot: uniform within sqrt(6 / (fan in + fan out)), biases 0."""
    networks = small("ganime-gan", 32, width=128)
    weight = generator_of(networks).stages[0].body[0].weight.detach()
    limit = (6 / ((128 + 64) * 16)) ** 0.5
    assert 0.99 * limit < float(weight.abs().max()) <= limit
    assert float(weight.std()) == pytest.approx(limit / 3**0.5, rel=0.02)
    for module in (networks.generator, networks.discriminator):
        assert not any(p.any() for name, p in module.named_parameters() if "bias" in name)
