"""Torch's process-wide state, one trial's apart from everybody else's."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor


@dataclass(frozen=True)
class ProcessState:
    """What torch keeps per process and a trial depends on."""

    cpu_rng: Tensor
    device_rng: Tensor | None
    threads: int
    dtype: torch.dtype
    gradients: bool

    @classmethod
    def read(cls, device: torch.device) -> ProcessState:
        """The state now."""
        return cls(
            cpu_rng=torch.get_rng_state(),
            device_rng=torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
            threads=torch.get_num_threads(),
            dtype=torch.get_default_dtype(),
            gradients=torch.is_grad_enabled(),
        )

    def write(self, device: torch.device) -> None:
        """Make it the state."""
        torch.set_rng_state(self.cpu_rng)
        if self.device_rng is not None:
            torch.cuda.set_rng_state(self.device_rng, device)
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        torch.set_default_dtype(self.dtype)
        torch.set_grad_enabled(self.gradients)


class Isolation:
    """A context with its own random state, thread count and default type.

    Entered again and again, it goes on where it was left; outside, the process is as it was
    before.  The random state begins at ``seed``.
    """

    def __init__(self, seed: int, device: str, threads: int) -> None:
        self.device = torch.device(device)
        self.state = self._initial(seed, threads)
        self._outside: list[ProcessState] = []

    def __enter__(self) -> None:
        self._outside.append(ProcessState.read(self.device))
        self.state.write(self.device)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.state = ProcessState.read(self.device)
        self._outside.pop().write(self.device)

    def _initial(self, seed: int, threads: int) -> ProcessState:
        cpu = torch.Generator().manual_seed(seed)
        cuda = self.device.type == "cuda"
        gpu = torch.Generator(self.device).manual_seed(seed) if cuda else None
        return ProcessState(
            cpu_rng=cpu.get_state(),
            device_rng=None if gpu is None else gpu.get_state(),
            threads=threads,
            dtype=torch.float32,
            gradients=True,
        )
