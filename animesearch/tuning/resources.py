"""Sharing a machine out among trials: pure arithmetic, shown to the user."""

from __future__ import annotations

import math
from dataclasses import dataclass

from animesearch.errors import UserError
from animesearch.tuning.config import ResourceConfig

SHELL_CPU = 0.01
"""CPUs of a trial whose work runs in processes of its own; Tune refuses zero."""


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs that Ray may use, all nodes together, and bytes of its object store."""

    cpus: float
    gpus: float
    store: float = math.inf


@dataclass(frozen=True)
class Allotment:
    """What each trial gets.

    ``cpu`` and ``gpu`` are for the training loop, ``data_cpu`` for its Ray Data tasks (streaming
    only), ``concurrency`` trials run at a time, each with ``threads`` threads.
    """

    cpu: float
    gpu: float
    data_cpu: float
    concurrency: int
    workers: int

    @property
    def threads(self) -> int:
        """Threads of one training loop."""
        return max(1, int(self.cpu))

    @property
    def device(self) -> str:
        """Where the loop runs."""
        return "cuda" if self.gpu else "cpu"

    @property
    def tune_resources(self) -> dict[str, float]:
        """What Tune reserves for a trial's own process."""
        if self.workers:
            return {"cpu": SHELL_CPU}
        return {"cpu": self.cpu, **({"gpu": self.gpu} if self.gpu else {})}

    def __str__(self) -> str:
        gpu = f", {self.gpu:g} GPU" if self.gpu else ""
        data = f", {self.data_cpu:g} more for its data" if self.data_cpu else ""
        plural = "s" if self.concurrency > 1 else ""
        return f"{self.concurrency} trial{plural} at a time, {self.cpu:g} CPU{gpu} each{data}"


def allot(config: ResourceConfig, machine: Machine, trials: int, stream: bool) -> Allotment:
    """Share ``machine`` out.

    CPUs for streaming are kept apart from those that trials hold: Ray Data tasks that find no
    free CPU would wait for ever.  Raises :class:`UserError`, with the sum, for what can't fit.
    """
    data_cpu = 1.0 if stream else 0.0
    gpu = _gpu(config, machine)
    concurrency = _concurrency(config, machine, gpu, data_cpu, trials)
    cpu = _cpu(config, machine, concurrency, data_cpu)
    _check(concurrency, cpu + data_cpu, machine.cpus, "CPU")
    _check(concurrency, gpu, machine.gpus, "GPU")
    return Allotment(cpu, gpu, data_cpu, concurrency, config.workers)


def _gpu(config: ResourceConfig, machine: Machine) -> float:
    if config.gpu == "auto":
        return 1.0 if machine.gpus >= 1 else 0.0
    return config.gpu


def _concurrency(
    config: ResourceConfig, machine: Machine, gpu: float, data_cpu: float, trials: int
) -> int:
    if config.concurrency != "auto":
        return config.concurrency
    cpu = 1.0 if config.cpu == "auto" else config.cpu
    fits = math.floor(machine.cpus / (cpu + data_cpu) + 1e-9)
    if gpu:
        fits = min(fits, math.floor(machine.gpus / gpu + 1e-9))
    return max(1, min(fits, trials))


def _cpu(config: ResourceConfig, machine: Machine, concurrency: int, data_cpu: float) -> float:
    if config.cpu != "auto":
        return config.cpu
    return max(1.0, float(math.floor(machine.cpus / concurrency - data_cpu + 1e-9)))


def _check(concurrency: int, each: float, there: float, unit: str) -> None:
    needed = concurrency * each
    if needed > there + 1e-9:
        raise UserError(
            f"{concurrency} trials x {each:g} {unit} = {needed:g} {unit}, but this machine has "
            f"{there:g}; lower search.resources (concurrency, {unit.lower()})"
        )
