"""Generator and discriminator of SNGAN (Miyato 2018; Miyato & Koyama 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from animesearch.trainers.modules.networks import Discriminator, Generator
from animesearch.trainers.modules.residual import (
    ClassBatchNorm,
    DownBlock,
    UpBlock,
    glorot,
)


@dataclass(frozen=True)
class SnganPlan:
    """The shape of a pair.

    ``generator`` are the filters of G from ``base`` x ``base`` pixels to the full size,
    ``discriminator`` those of D's blocks from the image on, of which the first ``halvings``
    halve the size.
    """

    size: int
    channels: int
    classes: int
    latent_dim: int
    base: int
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int


class SnganGenerator(Generator):
    """Dense to ``base`` x ``base``, an up-block per doubling, norm, ReLU, conv 3x3, tanh."""

    def __init__(self, plan: SnganPlan) -> None:
        super().__init__(plan.latent_dim, plan.size)
        self.classes = plan.classes
        filters = plan.generator
        self.base = plan.base
        self.dense = glorot(nn.Linear(plan.latent_dim, filters[0] * plan.base**2))
        self.blocks = nn.ModuleList(
            UpBlock(inputs, outputs, plan.classes) for inputs, outputs in pairwise(filters)
        )
        # The paper's last normalisation is not conditional.
        self.norm = ClassBatchNorm(filters[-1], classes=0)
        self.to_rgb = glorot(nn.Conv2d(filters[-1], plan.channels, 3, padding=1))

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Images (B, C, H, W) in [-1, 1]; labels where there are classes."""
        x = self.dense(z_BZ).unflatten(1, (-1, self.base, self.base))
        for block in self.blocks:
            x = block(x, y_B)
        image: Tensor = self.to_rgb(self.norm(x, None).relu()).tanh()
        return image


class SnganDiscriminator(Discriminator):
    """Down-blocks, ReLU, global sum pooling to h, dense: ``l(h)``, plus ``V_y . h`` with labels.

    The second term is the projection discriminator (Miyato & Koyama 2018, equation 3): an
    embedding ``V`` of the classes.
    """

    def __init__(self, plan: SnganPlan) -> None:
        super().__init__()
        filters = plan.discriminator
        widths = zip((plan.channels, *filters), filters, strict=False)
        self.blocks = nn.Sequential(
            *(
                DownBlock(inputs, outputs, down=number < plan.halvings, first=number == 0)
                for number, (inputs, outputs) in enumerate(widths)
            )
        )
        self.dense = glorot(nn.Linear(filters[-1], 1, bias=False))
        self.embedding = glorot(nn.Embedding(plan.classes, filters[-1])) if plan.classes else None

    def features(self, x_BCHW: Tensor) -> Tensor:
        """h (B, F): the sum over all places of the last ReLU."""
        h_BF: Tensor = self.blocks(x_BCHW).relu().sum((2, 3))
        return h_BF

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Raw logits (B,); labels where there are classes."""
        h_BF = self.features(x_BCHW)
        logits_B: Tensor = self.dense(h_BF).flatten()
        if self.embedding is None:
            return logits_B
        return logits_B + (self.embedding(y_B) * h_BF).sum(1)
