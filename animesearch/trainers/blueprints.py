"""Networks without memory: for counting parameters and asking what a design can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.modules.networks import Networks, StyleGenerator


def blueprint(spec: ArchitectureSpec, size: int, channels: int, classes: int = 0) -> Networks:
    """The networks of ``spec``, their weights on torch's meta device: built in milliseconds.

    A design that cannot be built there (a plug-in that reads its initial weights) is built in
    memory.  Torch's random state stays as it is.  Raises :class:`UnsupportedError` as
    :meth:`ArchitectureSpec.build` does.
    """
    spec.check(size, channels, classes)
    with torch.random.fork_rng(devices=[]):
        try:
            with _Weightless():
                return spec.build(size, channels, classes)
        except (RuntimeError, TypeError):
            return spec.build(size, channels, classes)


def parameter_count(module: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def style_architectures() -> list[str]:
    """Names of the architectures whose generators have a mapping network and styles to mix."""
    found = []
    for spec in ARCHITECTURES:
        smallest = ARCHITECTURES.parse({"name": spec.component_name(), **spec.smallest})
        networks = blueprint(smallest, spec.sizes[0], spec.channels[-1])
        if isinstance(networks.generator, StyleGenerator):
            found.append(smallest.name)
    return found


class _Weightless(TorchFunctionMode):
    """Puts what is going to be weights on the meta device, and leaves out the filling of them.

    Small constants, made of numbers, stay in memory: arithmetic on the meta device would make
    torch import its symbolic algebra, which takes longer than all else here together.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in _FILLING or getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else given["tensor"]
        if func in _DRAWING:
            given.pop("generator", None)
            return torch.empty(*args, **{**given, "device": "meta"})
        return func(*args, **given)


_FILLING = (Tensor.normal_, Tensor.uniform_)
_DRAWING = (torch.empty, torch.randn, torch.rand)
