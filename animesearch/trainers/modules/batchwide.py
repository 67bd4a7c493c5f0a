"""What spans a whole batch, for networks and losses that see more than one image at a time.

Several processes may train one trial (:mod:`animesearch.trainers.together`), each on its rows of
every batch.  Means of per-image terms then come out right by themselves; all else that looks
across images (a deviation, a mean style, a rank in the batch) asks one of these functions.  In a
single process they give their argument back.

The second half of the contract: a random tensor that is drawn in a training step has images in
its first dimension, or no dimension at all.  Its rows are then those of the whole batch's draw,
and what has no dimension is the same for all images.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.overrides import (
    handle_torch_function,
    has_torch_function_unary,
)


def whole(x_B: Tensor) -> Tensor:
    """The rows of all processes, in the order of the batch; can be differentiated, twice too."""
    if has_torch_function_unary(x_B):
        found: Tensor = handle_torch_function(whole, (x_B,), x_B)
        return found
    return x_B


def own(x_B: Tensor) -> Tensor:
    """Of what is known for all rows of a batch, those of this process."""
    if has_torch_function_unary(x_B):
        found: Tensor = handle_torch_function(own, (x_B,), x_B)
        return found
    return x_B


def average(x: Tensor) -> Tensor:
    """The mean over the processes of something each has of its rows alone, such as a loss.

    Not differentiated.
    """
    if has_torch_function_unary(x):
        found: Tensor = handle_torch_function(average, (x,), x)
        return found
    return x


def total(x_B: Tensor) -> int:
    """The number of rows of all processes, each having as many as ``x_B`` has."""
    if has_torch_function_unary(x_B):
        found: int = handle_torch_function(total, (x_B,), x_B)
        return found
    return len(x_B)


def places(x_B: Tensor) -> Tensor:
    """The numbers (B,) that these rows have in the whole batch."""
    return own(torch.arange(total(x_B), device=x_B.device))


def leading(x_B: Tensor, count: int) -> Tensor:
    """This process's ``count`` of the first rows of the whole batch, shared out in order."""
    return own(whole(x_B)[: count * total(x_B) // len(x_B)])
