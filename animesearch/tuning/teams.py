"""The worker processes of a nested Ray Train run, and how they find one another."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ray.train.backend import Backend
from ray.train.torch import TorchConfig

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    from animesearch.trainers.together import Team

INTERFACES: Final = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
SIOCGIFADDR: Final = 0x8915
"""Linux' request for the IPv4 address of a network interface."""


class NoGroup(Backend):
    """Sets nothing up: the workers join by themselves, see :func:`joined_team`."""

    share_cuda_visible_devices = True


class WorkerConfig(TorchConfig):
    """Ray Train's own group listens on every interface of the machine, and gives up a process
    that waits half an hour for another, which may be scoring."""

    @property
    def backend_cls(self) -> type[Backend]:
        """See :class:`NoGroup`."""
        return NoGroup


@contextmanager
def joined_team(device: str) -> Iterator[Team]:
    """The team of all workers of this Ray Train run; to be entered by each of them.

    They meet at the address by which Ray knows the node of worker 0, and listen nowhere else.
    """
    from ray import train

    from animesearch.trainers.together import ALONE, joined

    context = train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    if size == 1:
        yield ALONE
        return
    here = _address()
    for name in INTERFACES:
        if name not in os.environ and (interface := interface_of(here)):
            os.environ[name] = interface
    with joined(_store(rank, here), rank, size, device) as team:
        yield team


def interface_of(address: str) -> str:
    """The network interface that has an IPv4 ``address``; '' where none has."""
    for _, name in socket.if_nameindex():
        request = struct.pack("256s", name.encode()[:15])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            answer = fcntl.ioctl(probe, SIOCGIFADDR, request)
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return ""


def _address() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


def _store(rank: int, here: str) -> TCPStore:
    """The store at worker 0; its place travels through Ray Train."""
    from ray.train.collective import broadcast_from_rank_zero
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    from animesearch.trainers.together import PATIENCE

    if rank > 0:
        host, port = broadcast_from_rank_zero(None)
        return TCPStore(host, port, is_master=False, timeout=PATIENCE)
    listening = socket.create_server((here, 0))
    port = listening.getsockname()[1]
    store = TCPStore(
        here,
        port,
        is_master=True,
        timeout=PATIENCE,
        wait_for_workers=False,
        master_listen_fd=listening.detach(),
    )
    broadcast_from_rank_zero((here, port))
    return store
