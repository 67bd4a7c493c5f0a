"""What all tests share: components of plug-ins join the contract tests."""

from __future__ import annotations

import os
import signal

# Before torch is imported: two threads for tiny networks on busy cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.plugins import load_plugins


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
