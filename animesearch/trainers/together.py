"""Several processes that train one trial together: what they exchange, and who does what alone.

Each process has a copy of everything and trains on its rows of every batch.  Gradients are
averaged after each backward pass, before clipping and the optimiser, so that weights, averages
and random states stay the same, bit for bit, in all of them.  (DistributedDataParallel would do
that within the backward pass; it allows neither gradients of gradients, which penalties and path
lengths take, nor several passes through a network before one backward.)  What touches files, and
what is made of the weights alone, the process of rank 0 does for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from animesearch.errors import AnimesearchError
from animesearch.trainers.rows import OneBatch

T = TypeVar("T")
PATIENCE = timedelta(days=30)
"""How long a process waits for another, which may be scoring; a process that dies is noticed at
once, because its connections close."""


class DivergenceError(AnimesearchError):
    """Processes that train one trial no longer hold the same weights."""


class Team:
    """The processes of a trial, as one of them sees the others; this one is alone."""

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and scores for all."""
        return self.rank == 0

    def step(self) -> AbstractContextManager[Any]:
        """A context in which a step on own rows is a share of a step on the whole batch."""
        return nullcontext()

    def average_gradients(self, module: nn.Module) -> None:
        """Make each gradient of ``module`` the mean over all processes."""

    def first(self, work: Callable[[], T]) -> T:
        """What ``work`` gives in the process of rank 0; the others wait for it.

        An exception of ``work`` is raised in all of them.
        """
        return work()

    def any(self, word: bool) -> bool:
        """Whether ``word`` holds in any of the processes, each of which must ask."""
        return word

    def whole(self, x_B: Tensor) -> Tensor:
        """The rows of all processes, by rank."""
        return x_B

    def compare(self, states: Callable[[], Mapping[str, Iterable[Tensor]]]) -> None:
        """Raise :class:`DivergenceError`, naming which, unless all have the same ``states``."""


class Workers(Team):
    """Processes that exchange tensors through torch.distributed's default group.

    ``messages`` is a group on the CPU, for what is no tensor: one that waits in it does not keep
    its GPU busy.
    """

    def __init__(self, messages: dist.ProcessGroup) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._messages = messages

    def step(self) -> AbstractContextManager[Any]:
        """See the base class."""
        return OneBatch(self)

    def sum_(self, x: Tensor) -> Tensor:
        """The sum over the processes, in place; the same bits in all of them."""
        dist.all_reduce(x, group=self._group(x))
        return x

    def gather(self, x_B: Tensor) -> Tensor:
        """The rows of all processes, by rank; nothing flows back."""
        mine = x_B.detach().contiguous()
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine, group=self._group(mine))
        return torch.cat(parts)

    def average_gradients(self, module: nn.Module) -> None:
        """See the base class.  All gradients of one type travel as one vector."""
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        for dtype in dict.fromkeys(gradient.dtype for gradient in gradients):
            self._average([gradient for gradient in gradients if gradient.dtype == dtype])

    def first(self, work: Callable[[], T]) -> T:
        """See the base class."""
        box: list[Any] = [_attempt(work) if self.leads else None]
        dist.broadcast_object_list(box, src=0, group=self._messages)
        found, error = box[0]
        if error is not None:
            raise error
        return found

    def any(self, word: bool) -> bool:
        """See the base class; an integer on the CPU, which waits for no GPU."""
        return bool(self.sum_(torch.tensor([int(word)])).item())

    def whole(self, x_B: Tensor) -> Tensor:
        """See the base class."""
        return self.gather(x_B)

    def compare(self, states: Callable[[], Mapping[str, Iterable[Tensor]]]) -> None:
        """See the base class; what travels are digests."""
        mine = {name: _digest(tensors) for name, tensors in states().items()}
        theirs: list[Any] = [None] * self.size
        dist.all_gather_object(theirs, mine, group=self._messages)
        apart = sorted({name for other in theirs for name in mine if other[name] != mine[name]})
        if apart:
            raise DivergenceError(
                f"the {self.size} workers of the trial no longer have the same {', '.join(apart)}; "
                "they must run on the same kind of processor with the same versions"
            )

    def _group(self, x: Tensor) -> dist.ProcessGroup | None:
        """The one that can carry ``x``: nccl carries nothing of the CPU."""
        return self._messages if x.device.type == "cpu" else None

    def _average(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = self.sum_(flat).div_(self.size)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, flat.split(sizes), strict=True):
            gradient.copy_(mean.view(gradient.shape))


ALONE = Team()
"""The team of a trial that one process trains."""


@contextmanager
def joined(store: Any, rank: int, size: int, device: str) -> Iterator[Team]:
    """The team of the ``size`` processes that share a torch.distributed ``store``.

    They exchange tensors through nccl on GPUs, through gloo elsewhere.
    """
    if size == 1:
        yield ALONE
        return
    backend = "nccl" if torch.device(device).type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        messages = dist.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(messages, dist.ProcessGroup)
        yield Workers(messages)
    finally:
        dist.destroy_process_group()


def _attempt(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 (told to all processes, and raised there)
        return None, error


def _digest(tensors: Iterable[Tensor]) -> str:
    """SHA-256 of the tensors' bits: hex."""
    found = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().cpu().contiguous().flatten()
        found.update(flat.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
