"""The best of many samples by the discriminator's own score (C4 of the seeds).

Seed 002 kept the best 200 of 1,000 samples.  It did not lower the FID, which judges the
distribution more than the single image: what D likes best is less varied.  The seed does not say
by what it chose; here it is D's raw output.
"""

from __future__ import annotations

import torch
from torch import Tensor

from animesearch.errors import MetricError
from animesearch.trainers.modules.networks import Discriminator
from animesearch.trainers.sampling import Sampler, evaluating


@torch.no_grad()
def discriminator_scores(
    sampler: Sampler, discriminator: Discriminator, first: int, count: int
) -> Tensor:
    """D's raw outputs (count,) on the samples ``first`` .. ``first + count``; higher = more real.

    Each at the stage of the generator, as D saw them in training, in evaluation mode and in
    batches of ``sampler.batch``; a D that compares the images of a batch sees them together.
    Raises :class:`MetricError` where a score is not finite.
    """
    generator = sampler.generator
    scores = []
    with evaluating(generator, discriminator):
        for start in range(first, first + count, sampler.batch):
            z_BZ, y_B = sampler.inputs(start, min(sampler.batch, first + count - start))
            x_BCHW = generator.draw(z_BZ, y_B, sampler.truncation)
            scores.append(discriminator(x_BCHW) if y_B is None else discriminator(x_BCHW, y_B))
    logits_B = torch.cat(scores).float()
    if not bool(torch.isfinite(logits_B).all()):
        raise MetricError("the discriminator gives scores that are not finite")
    return logits_B


def best_samples(scores_B: Tensor, keep: int) -> list[int]:
    """Indices of the ``keep`` highest scores, the highest first; equal ones in their order."""
    return scores_B.argsort(descending=True, stable=True)[:keep].tolist()
