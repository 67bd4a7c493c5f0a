"""Moments of an optimiser in the memory layout of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import optim

Built = TypeVar("Built", bound="optim.Optimizer")


def portable(optimiser: Built) -> Built:
    """The same optimiser, whose moments follow the layout of their weights when loaded.

    Networks lie in memory channels first on a GPU and channels last on a CPU.  A fused step with
    moments in another layout than the weights' fails on a GPU, and on a CPU pairs wrong numbers
    without a word (torch 2.8 to 2.15): so would a checkpoint that changes its device.
    """
    optimiser.register_load_state_dict_post_hook(_follow)
    return optimiser


def _follow(optimiser: optim.Optimizer) -> None:
    import torch

    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
