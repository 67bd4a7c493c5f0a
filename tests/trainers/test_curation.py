"""Choosing samples by the discriminator's score."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from animesearch.errors import MetricError
from animesearch.trainers.curation import best_samples, discriminator_scores
from animesearch.trainers.latents import sample_labels, sample_latents
from animesearch.trainers.modules.networks import Discriminator, Generator
from animesearch.trainers.sampling import Sampler


class Half(Generator):
    """Draws the first value of z at half of the full size, plus the class."""

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        value_B = z_BZ[:, 0] + (0 if y_B is None else y_B)
        return value_B[:, None, None, None].expand(-1, 3, 2, 2)


class Brightness(Discriminator):
    """The mean of images of half the full size, less ten times the class; 0 in training mode."""

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        assert x_BCHW.shape[-1] == 2
        score_B = x_BCHW.mean((1, 2, 3)) - (0 if y_B is None else 10 * y_B)
        return score_B * (0.0 if self.training else 1.0)


def test_scores_are_those_of_the_stage_in_evaluation_mode() -> None:
    generator, discriminator = Half(4, 4), Brightness()
    scores_B = discriminator_scores(Sampler(generator, batch=7), discriminator, 5, 20)
    assert torch.allclose(scores_B, torch.from_numpy(sample_latents(5, 20, 4)[:, 0]))
    assert generator.training
    assert discriminator.training
    halved = Sampler(generator, truncation=0.5)
    assert torch.allclose(discriminator_scores(halved, discriminator, 5, 20), scores_B / 2)


def test_labels_go_to_both_networks() -> None:
    generator = Half(4, 4)
    generator.classes = 2
    scores_B = discriminator_scores(Sampler(generator, class_shares=(1, 3)), Brightness(), 0, 30)
    z_B, y_B = sample_latents(0, 30, 4)[:, 0], sample_labels(0, 30, (1, 3))
    assert torch.allclose(scores_B, torch.from_numpy(z_B - 9 * y_B).float())


def test_the_highest_come_first_and_equal_ones_in_their_order() -> None:
    scores_B = torch.tensor([1.0, 3.0, -2.0, 3.0, 2.0, 1.0])
    assert best_samples(scores_B, 4) == [1, 3, 4, 0]
    assert best_samples(scores_B, 6) == [1, 3, 4, 0, 5, 2]


def test_scores_that_are_not_finite_choose_nothing() -> None:
    class Broken(Brightness):
        def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
            return super().forward(x_BCHW) * torch.inf

    with pytest.raises(MetricError, match="scores that are not finite"):
        discriminator_scores(Sampler(Half(4, 4)), Broken(), 0, 4)
