"""What all tests share: components of plug-ins join the contract tests; a store, a small disk."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator

# Before torch is imported: two threads for tiny networks on busy cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import pytest

from animesearch.errors import UserError
from animesearch.plugins import load_plugins
from tests.storage.disks import mounted
from tests.storage.google import Gcs, gcs_server
from tests.storage.servers import S3, Served, s3_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        dest="component_plugins",
        metavar="FILE.py",
        help="plug-in whose components the contract tests are to test too; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before collection, which asks the registries what there is."""
    # A job in the background of a shell ignores Ctrl-C, and so would the processes under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        load_plugins(config.getoption("component_plugins"))
    except UserError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 server to which the environment leads, nothing failing."""
    yield from _led_to(running_s3, monkeypatch)


@pytest.fixture(scope="session")
def running_gcs() -> Iterator[Gcs]:
    with gcs_server() as server:
        yield server


@pytest.fixture
def gcs(running_gcs: Gcs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcs]:
    """An emulator of Google's store to which the environment leads, nothing failing."""
    yield from _led_to(running_gcs, monkeypatch)


def _led_to(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    served.proxy.fail("pass")
    yield served
    served.proxy.fail("pass")


@pytest.fixture(params=["s3", "gcs"])
def bucket(request: pytest.FixtureRequest) -> Served:
    """Each of these servers."""
    served: Served = request.getfixturevalue(request.param)
    return served


@pytest.fixture
def place(bucket: Served) -> str:
    """A new, empty place in its bucket."""
    return bucket.url(f"runs/{secrets.token_hex(6)}")


@pytest.fixture
def url(s3: S3) -> str:
    """A new, empty place in the bucket of the S3 server."""
    return s3.url(f"runs/{secrets.token_hex(6)}")


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images that go through feature networks of this process, pass by pass."""
    from animesearch.metrics.features.base import FeatureNetwork

    seen: list[int] = []
    original = FeatureNetwork._pass

    def counted(self: FeatureNetwork, x_BCHW: Any, head: Any) -> Any:
        seen.append(len(x_BCHW))
        return original(self, x_BCHW, head)

    monkeypatch.setattr(FeatureNetwork, "_pass", counted)
    return seen


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MB of room; skipped where none can be mounted."""
    with mounted(tmp_path / "small", "1m") as folder:
        yield folder
