"""Labels of numbered samples, and how the sampler hands them on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from animesearch.trainers.latents import sample_labels, sample_latents
from animesearch.trainers.modules.networks import Generator
from animesearch.trainers.sampling import Sampler

SHARES = (0.5, 0.2, 0.3)


def test_a_label_depends_on_its_number_and_the_seed_alone() -> None:
    whole = sample_labels(0, 700, SHARES, seed=3)
    assert whole.dtype == np.int64
    for start, count in ((0, 1), (255, 2), (256, 300), (699, 1), (5, 0)):
        assert np.array_equal(
            sample_labels(start, count, SHARES, seed=3), whole[start : start + count]
        )
    assert not np.array_equal(sample_labels(0, 700, SHARES, seed=4), whole)


def test_labels_are_the_same_on_every_machine() -> None:
    assert sample_labels(0, 12, (1, 2, 3)).tolist() == [2, 1, 2, 0, 0, 0, 2, 0, 0, 1, 2, 2]
    assert sample_labels(10**9, 5, (1, 1)).tolist() == [1, 1, 0, 0, 0]


def test_classes_have_their_shares() -> None:
    count = 20_000
    found = np.bincount(sample_labels(0, count, SHARES), minlength=3) / count
    spread = np.sqrt(np.multiply(SHARES, np.subtract(1, SHARES)) / count)
    assert (np.abs(found - SHARES) < 4 * spread).all()
    counts = np.bincount(sample_labels(0, 2000, (0, 2, 0, 6, 0)), minlength=5)
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    assert 0.2 < counts[1] / 2000 < 0.3
    huge = sample_labels(0, 2000, [share * 1e308 for share in SHARES])
    assert np.array_equal(huge, sample_labels(0, 2000, SHARES))


def test_labels_tell_nothing_of_latents() -> None:
    label_B = sample_labels(0, 20_000, (1, 1))
    z_BZ = sample_latents(0, 20_000, 4)
    difference = z_BZ[label_B == 1].mean(0) - z_BZ[label_B == 0].mean(0)
    assert np.abs(difference).max() < 4 * 2 / np.sqrt(20_000)


@pytest.mark.parametrize("shares", [(), (0.0, 0.0), (1.0, -1.0), (1.0, float("nan"))])
def test_shares_that_are_none_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares must be finite"):
        sample_labels(0, 4, shares)


class Labelled(Generator):
    """Draws the number of the class as a grey: 0, 1/2, 1."""

    classes = 3

    def forward(self, z_BZ: Tensor, y_B: Tensor) -> Tensor:
        return (y_B.float() / 2)[:, None, None, None].expand(-1, 3, 2, 2)


def test_a_conditional_generator_gets_its_labels() -> None:
    generator = Labelled(4, 4, output_range=(0.0, 1.0))
    grey = torch.tensor([0, 128, 255])
    drawn = Sampler(generator, batch=7, class_shares=SHARES)(250, 20)
    labels = torch.from_numpy(sample_labels(250, 20, SHARES))
    assert torch.equal(drawn[:, 0, 3, 3].long(), grey[labels])
    only = Sampler(generator, class_shares=(0.0, 1.0, 0.0))(0, 50)
    assert only.unique().tolist() == [128]
    alike = torch.from_numpy(sample_labels(0, 50, (1, 1, 1)))
    assert torch.equal(Sampler(generator)(0, 50)[:, 0, 0, 0].long(), grey[alike])
    with pytest.raises(ValueError, match="3 classes, there are 2 shares"):
        Sampler(generator, class_shares=(0.5, 0.5))
