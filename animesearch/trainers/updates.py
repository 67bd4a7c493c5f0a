"""From a loss to a step of an optimiser: clipping, constraints, and the norms of gradients."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from animesearch.trainers.modules.constraints import limit_norms
from animesearch.trainers.modules.networks import Generator, Partner
from animesearch.trainers.optimisers import OptimiserSpec
from animesearch.trainers.together import ALONE, Team


class Updater:
    """One network and its optimiser; ``norm`` is that of the last step, before any clipping.

    The gradients are those of the whole batch, whichever processes of ``team`` have its rows.
    """

    def __init__(
        self, module: Generator | Partner, options: OptimiserSpec, team: Team = ALONE
    ) -> None:
        self.module, self.options, self.team = module, options, team
        self.optimiser = options.build(module.parameters())
        self.norm = torch.zeros(())

    def update(self, loss: Tensor) -> Tensor:
        """Step down ``loss``; the L2 norm of the gradients before any clipping."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        return self.step()

    def step(self) -> Tensor:
        """Clip, step, constrain; the norm before clipping."""
        self.team.average_gradients(self.module)
        norm = self.norm = gradient_norm(self.module)
        if self.options.clip is not None:
            nn.utils.clip_grads_with_norm_(self.module.parameters(), self.options.clip, norm)
        self.optimiser.step()
        self.module.constrain()
        if self.options.max_norm is not None:
            limit_norms(self.module, self.options.max_norm)
        return norm


def update_together(loss: Tensor, updaters: Iterable[Updater]) -> list[Tensor]:
    """Step several networks down one loss; their norms."""
    updaters = list(updaters)
    for updater in updaters:
        updater.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    return [updater.step() for updater in updaters]


def gradient_norm(module: nn.Module) -> Tensor:
    """L2 norm of all gradients of ``module`` that exist."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return nn.utils.get_total_norm(gradients)


def layer_groups(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Parameters by layer group: the first two parts of their dotted names.

    >>> list(layer_groups(nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1)))))
    ['0', '1.0']
    """
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        path = name.removesuffix(".original").split(".")
        path = [part for part in path if part != "parametrizations"]
        groups.setdefault(".".join(path[:-1][:2]) or path[0], []).append(parameter)
    return groups


def group_norms(groups: dict[str, list[nn.Parameter]]) -> list[Tensor]:
    """L2 norm of the gradients of each group, NaN where it has none; as clipped, if clipped."""
    return [_norm(parameters) for parameters in groups.values()]


def _norm(parameters: list[nn.Parameter]) -> Tensor:
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.full((), torch.nan, device=parameters[0].device)
    return nn.utils.get_total_norm(gradients)
