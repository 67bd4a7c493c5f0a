"""pytorch-fid's Inception network, and the same arranged to run fast.

Three rearrangements, exact up to the rounding of float32: batch normalisation is folded into the
convolutions, the branches that average over 3 × 3 pixels do so after their 1 × 1 convolution (on
a quarter to a tenth of the channels), and the layout is channels-last (:func:`freeze`).
"""

from __future__ import annotations

import torch
from pytorch_fid import inception as fid
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.inception import BasicConv2d, Inception3

CLASSES = 1008


def fid_inception() -> nn.Module:
    """Torchvision's Inception-v3 with pytorch-fid's changed blocks, weights as drawn.

    The changed blocks (TensorFlow's pooling rules) are pytorch-fid's own classes; the state
    dict has the keys of its published file, those of the classifier ``fc`` included.
    """
    network = Inception3(num_classes=CLASSES, aux_logits=False, init_weights=False)
    network.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = fid.FIDInceptionE_1(1280)
    network.Mixed_7c = fid.FIDInceptionE_2(2048)
    return network


def random_inception(x_B3HW: Tensor, seed: int = 0) -> nn.Module:
    """A :func:`fid_inception` in evaluation mode with seeded random weights: a stand-in for
    the published ones where these are absent, for tests and benchmarks.

    The statistics of its batch normalisation are those of a pass over ``x_B3HW`` (normalised
    images like the ones to come, 75 pixels or more).  Without them the features of a random
    network this deep hardly differ between images and most of their variance lies in one
    direction.
    """
    network = fid_inception()
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            deviation = (2.0 / parameter[0].numel()) ** 0.5
            nn.init.normal_(parameter, 0.0, deviation, generator)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator)
        nn.init.normal_(norm.bias, 0.0, 0.3, generator)
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(x_B3HW)
    return network.eval()


_TRUNK = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "maxpool1",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    "maxpool2",
    "Mixed_5b",
    "Mixed_5c",
    "Mixed_5d",
    "Mixed_6a",
    "Mixed_6b",
    "Mixed_6c",
    "Mixed_6d",
    "Mixed_6e",
    "Mixed_7a",
    "Mixed_7b",
    "Mixed_7c",
)


class FastInception(nn.Module):
    """A :func:`fid_inception` up to its pooled features, and its classifier without the bias.

    Takes over the modules of ``inception`` (and changes them).  ``forward`` maps normalised
    images (B, 3, 299, 299) to features (B, 2048); ``logits`` maps those to (B, 1008), without
    the bias, as the Inception score's reference implementation and torch-fidelity have them.
    """

    def __init__(self, inception: nn.Module) -> None:
        super().__init__()
        inception.eval()
        for module in inception.modules():
            _fold(module)
        self.trunk = nn.Sequential(*(_fast(inception.get_submodule(name)) for name in _TRUNK))
        self.logits = nn.Linear(2048, CLASSES, bias=False, device="meta")
        self.logits.weight = inception.get_submodule("fc").get_parameter("weight")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BDHW: Tensor = self.trunk(x_BCHW)
        return x_BDHW.mean(dim=(2, 3))


class Branches(nn.Module):
    """Branches over one input, their channels concatenated."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.cat([branch(x_BCHW) for branch in self.branches], dim=1)


class PooledLate(nn.Module):
    """ReLU of the 3 × 3 mean of a 1 × 1 convolution.

    The mean leaves the padding out of its count, so its weights add up to one and it may be
    exchanged with the convolution, bias included.
    """

    def __init__(self, unit: BasicConv2d) -> None:
        super().__init__()
        self.conv = unit.conv

    def forward(self, x_BCHW: Tensor) -> Tensor:
        projected_BCHW = self.conv(x_BCHW)
        mean_BCHW = avg_pool2d(projected_BCHW, 3, stride=1, padding=1, count_include_pad=False)
        return relu(mean_BCHW, inplace=True)


def _fold(module: nn.Module) -> None:
    if isinstance(module, BasicConv2d):
        module.conv = fuse_conv_bn_eval(module.conv, module.bn)
        module.bn = nn.Identity()


def _fast(block: nn.Module) -> nn.Module:
    if isinstance(block, fid.FIDInceptionA):
        return _fast_a(block)
    if isinstance(block, fid.FIDInceptionC):
        return _fast_c(block)
    if isinstance(block, fid.FIDInceptionE_1):
        return _fast_e(block)
    return block


def _fast_a(block: fid.FIDInceptionA) -> Branches:
    return Branches(
        block.branch1x1,
        nn.Sequential(block.branch5x5_1, block.branch5x5_2),
        nn.Sequential(block.branch3x3dbl_1, block.branch3x3dbl_2, block.branch3x3dbl_3),
        PooledLate(block.branch_pool),
    )


def _fast_c(block: fid.FIDInceptionC) -> Branches:
    return Branches(
        block.branch1x1,
        nn.Sequential(block.branch7x7_1, block.branch7x7_2, block.branch7x7_3),
        nn.Sequential(
            block.branch7x7dbl_1,
            block.branch7x7dbl_2,
            block.branch7x7dbl_3,
            block.branch7x7dbl_4,
            block.branch7x7dbl_5,
        ),
        PooledLate(block.branch_pool),
    )


def _fast_e(block: fid.FIDInceptionE_1) -> Branches:
    return Branches(
        block.branch1x1,
        nn.Sequential(block.branch3x3_1, Branches(block.branch3x3_2a, block.branch3x3_2b)),
        nn.Sequential(
            block.branch3x3dbl_1,
            block.branch3x3dbl_2,
            Branches(block.branch3x3dbl_3a, block.branch3x3dbl_3b),
        ),
        PooledLate(block.branch_pool),
    )
