"""Sharing a machine out among trials: pure arithmetic, shown to the user."""

from __future__ import annotations

import math
from dataclasses import dataclass

from animesearch.errors import UserError
from animesearch.tuning.config import ResourceConfig

SHELL_CPU = 0.01
"""CPUs of a trial whose work runs in worker processes; Tune refuses zero.  They are taken from the
share of its workers, so that these may have all cores of a machine."""


@dataclass(frozen=True)
class Node:
    """Cores and GPUs of ``count`` machines that are alike.

    A trial, or each of its workers where there are several, runs on one of them.
    """

    cpus: float
    gpus: float
    count: int = 1

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ""
        return f"{self.count} x {{{self.cpus:g} CPU{gpus}}}"


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs that Ray may use, all nodes together, and bytes of its object store.

    ``nodes`` says how they are spread, where there are several.  ``cluster``: not a Ray of this
    process's own; machines may come and go.  ``name`` is for messages, ``note`` for the screen: it
    says where the numbers come from, if that is not plain.
    """

    cpus: float
    gpus: float
    store: float = math.inf
    nodes: tuple[Node, ...] = ()
    cluster: bool = False
    name: str = "this machine"
    note: str = ""

    def holds(self, cpu: float, gpu: float) -> int:
        """How many processes of ``cpu`` cores and ``gpu`` GPUs fit, each on one node."""
        return sum(
            node.count * _fits(node, cpu, gpu)
            for node in self.nodes or (Node(self.cpus, self.gpus),)
        )


@dataclass(frozen=True)
class Allotment:
    """What each trial gets.

    ``cpu`` and ``gpu`` are for a training loop, of which there are as many as ``workers`` (one
    where that is 0), ``data_cpu`` for its Ray Data tasks (streaming only).  ``concurrency`` trials
    run at a time, each loop with ``threads`` threads.
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
    def loops(self) -> int:
        """Processes that train a trial."""
        return max(1, self.workers)

    @property
    def node(self) -> Node:
        """What one trial, or one of its workers, takes of one machine."""
        return Node(self.cpu + self.data_cpu, self.gpu)

    @property
    def device(self) -> str:
        """Where the loop runs."""
        return "cuda" if self.gpu else "cpu"

    @property
    def tune_resources(self) -> dict[str, float]:
        """What Tune reserves for a trial's own process."""
        if self.workers:
            return {"cpu": self._shell}
        return {"cpu": self.cpu, **({"gpu": self.gpu} if self.gpu else {})}

    @property
    def worker_resources(self) -> dict[str, float]:
        """What Ray Train reserves for each worker; empty where there is none."""
        if not self.workers:
            return {}
        return {"CPU": self.cpu - self._shell, **({"GPU": self.gpu} if self.gpu else {})}

    @property
    def _shell(self) -> float:
        return min(SHELL_CPU, self.cpu / 10)

    def __str__(self) -> str:
        gpu = f", {self.gpu:g} GPU" if self.gpu else ""
        data = f", {self.data_cpu:g} more for its data" if self.data_cpu else ""
        plural = "s" if self.concurrency > 1 else ""
        loops = f"{self.workers} workers of " if self.workers > 1 else ""
        each = f"{loops}{self.cpu:g} CPU{gpu} each{data}"
        return f"{self.concurrency} trial{plural} at a time, {each}"


def allot(config: ResourceConfig, machine: Machine, trials: int, stream: bool) -> Allotment:
    """Share ``machine`` out.

    CPUs for streaming are kept apart from those that trials hold: Ray Data tasks that find no
    free CPU would wait for ever.  Raises :class:`UserError`, with the sum, for what can't fit.
    """
    need = _Need(max(1, config.workers), _gpu(config, machine), 1.0 if stream else 0.0)
    concurrency = _concurrency(config, machine, need, trials)
    cpu = _cpu(config, machine, need, concurrency)
    _check(concurrency, need.sum(cpu, "CPU"), machine)
    _check(concurrency, need.sum(need.gpu, "GPU"), machine)
    _check_nodes(concurrency, cpu, need, machine)
    return Allotment(cpu, need.gpu, need.data, concurrency, config.workers)


def least(config: ResourceConfig, machine: Machine) -> Node:
    """What one trial takes at least."""
    return Node(1.0 if config.cpu == "auto" else config.cpu, _gpu(config, machine))


def _gpu(config: ResourceConfig, machine: Machine) -> float:
    if config.gpu == "auto":
        return 1.0 if machine.gpus >= 1 else 0.0
    return config.gpu


@dataclass(frozen=True)
class _Sum:
    """What a trial takes of one unit, and how that comes about, in words."""

    amount: float
    unit: str
    words: str


@dataclass(frozen=True)
class _Need:
    """A trial's ``workers`` processes, the GPUs of each, and the CPUs of its ``data`` tasks."""

    workers: int
    gpu: float
    data: float

    def trials(self, machine: Machine, cpu: float) -> int:
        """How many trials fit whose processes have ``cpu`` cores each.

        Tasks of the data run wherever a core is left, so each process is counted with its part.
        """
        return machine.holds(cpu + self.data / self.workers, self.gpu) // self.workers

    def sum(self, each: float, unit: str) -> _Sum:
        """Of what each process takes ``each``."""
        data = self.data if unit == "CPU" else 0.0
        amount = each * self.workers + data
        if self.workers == 1:
            return _Sum(amount, unit, f"{amount:g} {unit}")
        more = f" + {data:g} for the data" if data else ""
        return _Sum(amount, unit, f"({self.workers} workers x {each:g} {unit}{more})")


def _concurrency(config: ResourceConfig, machine: Machine, need: _Need, trials: int) -> int:
    if config.concurrency != "auto":
        return config.concurrency
    cpu = 1.0 if config.cpu == "auto" else config.cpu
    return max(1, min(need.trials(machine, cpu), trials))


def _cpu(config: ResourceConfig, machine: Machine, need: _Need, concurrency: int) -> float:
    """The most whole cores with which as many trials still fit."""
    if config.cpu != "auto":
        return config.cpu
    most = math.floor((machine.cpus / concurrency - need.data) / need.workers + 1e-9)
    fitting = (c for c in range(most, 1, -1) if need.trials(machine, c) >= concurrency)
    return float(next(fitting, 1))


def _fits(node: Node, cpu: float, gpu: float) -> int:
    fits = math.floor(node.cpus / cpu + 1e-9)
    return min(fits, math.floor(node.gpus / gpu + 1e-9)) if gpu else fits


def _trials(count: int) -> str:
    return f"{count} trial" + ("s" if count > 1 else "")


def _check(concurrency: int, each: _Sum, machine: Machine) -> None:
    unit, there = each.unit, machine.cpus if each.unit == "CPU" else machine.gpus
    needed = concurrency * each.amount
    if needed > there + 1e-9:
        grows = ", or say with --expect-cpus and --expect-gpus what will come"
        raise UserError(
            f"{_trials(concurrency)} x {each.words} = {needed:g} {unit}, but {machine.name} has "
            f"{there:g}; lower search.resources (concurrency, workers, {unit.lower()})"
            + (grows if machine.cluster else "")
        )


def _check_nodes(concurrency: int, cpu: float, need: _Need, machine: Machine) -> None:
    """A process that no node can take would wait for ever."""
    share_cpu = cpu + need.data / need.workers
    held, wanted = machine.holds(share_cpu, need.gpu), concurrency * need.workers
    if held < wanted:
        share = f"{share_cpu:g} CPU" + (f", {need.gpu:g} GPU" if need.gpu else "")
        workers = f"{need.workers} workers x " if need.workers > 1 else ""
        nodes = ", ".join(
            str(node) for node in machine.nodes or (Node(machine.cpus, machine.gpus),)
        )
        raise UserError(
            f"{_trials(concurrency)} x {workers}{{{share}}}, each on one node, but {machine.name} "
            f"holds {held}: {nodes}; lower search.resources (concurrency, workers, cpu, gpu)"
        )
