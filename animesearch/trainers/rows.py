"""Torch as one of several processes sees it while all of them train on one batch.

A process has the rows of a batch that are its own.  :class:`OneBatch` makes a training step on
them come out as that of a single process with the whole batch: random tensors are drawn for all
rows and cut, batch normalisation takes the statistics of all rows, and the functions of
:mod:`animesearch.trainers.modules.batchwide` reach across.  It is a torch function mode, torch's
own way to change what functions do within a block, so that components need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from animesearch.errors import UnsupportedError
from animesearch.trainers.modules import batchwide

Function: TypeAlias = Callable[..., Any]

FACTORIES: tuple[Function, ...] = (torch.randn, torch.rand)
LIKE: tuple[Function, ...] = (torch.randn_like, torch.rand_like, torch.randint_like)
IN_PLACE: tuple[Function, ...] = (
    Tensor.bernoulli_,
    Tensor.normal_,
    Tensor.uniform_,
    Tensor.random_,
    Tensor.exponential_,
    Tensor.log_normal_,
    Tensor.cauchy_,
    Tensor.geometric_,
)
DROPOUTS: tuple[Function, ...] = (
    functional.dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
)
REFUSED: tuple[Function, ...] = (
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
    functional.gumbel_softmax,
    functional.rrelu,
    torch.multinomial,
    torch.normal,
    torch.poisson,
    torch.randperm,
)
"""Functions whose draws cannot be told apart by rows; in evaluation mode they are not called."""


class Exchange(Protocol):
    """What passes between the processes; every call is one of all of them, in the same order."""

    rank: int
    size: int

    def sum_(self, x: Tensor) -> Tensor:
        """The sum over the processes, in place; the same bits everywhere."""

    def gather(self, x_B: Tensor) -> Tensor:
        """The rows of all processes, by rank."""


class OneBatch(TorchFunctionMode):
    """Inside, a step on this process's rows is its share of a step on the whole batch.

    Every process must call the same functions in the same order.  Raises
    :class:`UnsupportedError` where a random function is called that cannot be shared out.
    """

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._handlers: dict[Function, Function] = {
            **dict.fromkeys(FACTORIES, self._drawn),
            **dict.fromkeys(LIKE, self._drawn_like),
            **dict.fromkeys(IN_PLACE, self._drawn_in_place),
            **dict.fromkeys(DROPOUTS, self._dropped),
            **dict.fromkeys(REFUSED, self._refused),
            torch.randint: self._integers,
            torch.bernoulli: self._bernoulli,
            Tensor.bernoulli: self._bernoulli,
            functional.batch_norm: self._normalised,
            batchwide.whole: lambda _, x_B: gathered(x_B, exchange),
            batchwide.own: lambda _, x_B: self._rows(x_B),
            batchwide.average: lambda _, x: exchange.sum_(x.detach().clone()) / exchange.size,
            batchwide.total: lambda _, x_B: len(x_B) * exchange.size,
        }

    def __torch_function__(
        self,
        func: Function,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Torch calls it for each of its functions."""
        handler = self._handlers.get(func)
        if handler is None:
            return func(*args, **(kwargs or {}))
        return handler(func, *args, **(kwargs or {}))

    # -- random numbers: drawn for all rows, of which the own ones are kept --------------------

    def _drawn(self, draw: Function, *size: Any, **options: Any) -> Tensor:
        shape = options.pop("size", size[0] if size and not isinstance(size[0], int) else size)
        return self._rows(draw(self._enlarged(shape), **options)) if shape else draw((), **options)

    def _integers(self, draw: Function, *bounds: Any, **options: Any) -> Tensor:
        shape = options.pop("size") if "size" in options else bounds[-1]
        limits = [bound for bound in bounds if isinstance(bound, int)]
        if not shape:
            return draw(*limits, (), **options)
        return self._rows(draw(*limits, self._enlarged(shape), **options))

    def _drawn_like(self, draw: Function, x: Tensor, *rest: Any, **options: Any) -> Tensor:
        return self._rows(draw(self._room(x), *rest, **options))

    def _drawn_in_place(self, draw: Function, x: Tensor, *rest: Any, **options: Any) -> Tensor:
        if x.ndim == 0:
            return draw(x, *rest, **options)
        return x.copy_(self._rows(draw(self._room(x), *rest, **options)))

    def _bernoulli(self, draw: Function, x: Tensor, *rest: Any, **options: Any) -> Tensor:
        if x.ndim == 0:
            return draw(x, *rest, **options)
        # How many random numbers are used up does not depend on the probabilities.
        return self._rows(draw(self._room(x).copy_(self._repeated(x)), *rest, **options))

    def _dropped(
        self,
        drop: Function,
        x: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
    ) -> Tensor:
        if not training or p == 0:
            return x
        mask = self._rows(drop(self._room(x).fill_(1), p, True))
        return x.mul_(mask) if inplace else x * mask

    def _refused(self, func: Function, *_: Any, **__: Any) -> Any:
        raise UnsupportedError(
            f"a component draws with torch's {func.__name__} while it trains, whose numbers "
            "several workers cannot share out by images; allowed: search.resources.workers: 0"
        )

    # -- batch normalisation --------------------------------------------------------------------

    def _normalised(self, func: Function, x: Tensor, *args: Any, **options: Any) -> Tensor:
        norm = _Norm(*args, **options)
        if not norm.training:
            return func(x, *args, **options)
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        mean_C, var_C = self._moments(exact, [0, *range(2, x.ndim)])
        norm.follow(mean_C, var_C, x.numel() // x.shape[1] * self._exchange.size)
        scale_C = (var_C + norm.eps).rsqrt() * (1.0 if norm.weight is None else norm.weight)
        shift_C = (0.0 if norm.bias is None else norm.bias) - mean_C * scale_C
        shape = [-1, *[1] * (x.ndim - 2)]
        return torch.addcmul(shift_C.view(shape), exact, scale_C.view(shape)).to(x.dtype)

    def _moments(self, x: Tensor, dims: list[int]) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) over all rows, from those of each process's rows."""
        var_C, mean_C = torch.var_mean(x, dims, correction=0)
        var_WC, mean_WC = gathered(torch.stack([var_C, mean_C])[None], self._exchange).unbind(1)
        mean_C = mean_WC.mean(0)
        return mean_C, var_WC.mean(0) + (mean_WC - mean_C).square().mean(0)

    # -- rows -----------------------------------------------------------------------------------

    def _enlarged(self, shape: Any) -> tuple[int, ...]:
        rows, *others = shape
        return (rows * self._exchange.size, *others)

    def _room(self, x: Tensor) -> Tensor:
        """An empty tensor for all rows, its dimensions in memory in the order that x has."""
        strides = torch.empty_like(x).stride()
        order = sorted(range(x.ndim), key=lambda dim: -strides[dim])
        shape = self._enlarged(x.shape)
        room = torch.empty([shape[dim] for dim in order], dtype=x.dtype, device=x.device)
        return room.permute([order.index(dim) for dim in range(x.ndim)])

    def _repeated(self, x: Tensor) -> Tensor:
        return x.repeat(self._exchange.size, *[1] * (x.ndim - 1))

    def _rows(self, x_B: Tensor) -> Tensor:
        rows, rest = divmod(len(x_B), self._exchange.size)
        if rest:
            raise UnsupportedError(
                f"{len(x_B)} images of a batch cannot be shared out evenly among "
                f"{self._exchange.size} workers"
            )
        return x_B[self._exchange.rank * rows :][:rows]


class _Norm(NamedTuple):
    """The arguments of torch's ``batch_norm`` after the first, with their defaults."""

    running_mean: Tensor | None
    running_var: Tensor | None
    weight: Tensor | None = None
    bias: Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5

    @torch.no_grad()
    def follow(self, mean_C: Tensor, var_C: Tensor, count: int) -> None:
        """Move the running statistics, the variance's without bias, as torch does."""
        unbiased_C = var_C * (count / max(1, count - 1))
        for running_C, now_C in ((self.running_mean, mean_C), (self.running_var, unbiased_C)):
            if running_C is not None:
                running_C.lerp_(now_C.to(running_C.dtype), self.momentum)


def gathered(x_B: Tensor, exchange: Exchange) -> Tensor:
    """All processes' rows; the gradients of all that they do with them come back."""
    found: Tensor = _Gather.apply(x_B, exchange)
    return found


class _Gather(torch.autograd.Function):
    """Rows of all processes.  Its gradient adds up what each process does with my rows."""

    @staticmethod
    def forward(ctx: Any, x_B: Tensor, exchange: Exchange) -> Tensor:
        ctx.exchange = exchange
        return exchange.gather(x_B)

    @staticmethod
    def backward(ctx: Any, grad_B: Tensor) -> tuple[Tensor, None]:
        return _Scatter.apply(grad_B, ctx.exchange), None


class _Scatter(torch.autograd.Function):
    """My rows of the processes' sum: the transpose of :class:`_Gather`."""

    @staticmethod
    def forward(ctx: Any, x_B: Tensor, exchange: Exchange) -> Tensor:
        ctx.exchange = exchange
        rows = len(x_B) // exchange.size
        return exchange.sum_(x_B.contiguous().clone())[exchange.rank * rows :][:rows].clone()

    @staticmethod
    def backward(ctx: Any, grad_B: Tensor) -> tuple[Tensor, None]:
        return _Gather.apply(grad_B, ctx.exchange), None
