"""Arguments and options that several commands have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run folder, or a run's URI (s3://bucket/runs/x).")
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Python file that registers components of your own; its code is run. May be repeated.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Search on the Ray cluster that this machine is a node of, and leave it running: "
        "auto, or HOST:PORT. Default: a Ray of its own on this machine, whatever RAY_ADDRESS says.",
    ),
]
ExpectCpusOption = Annotated[
    float | None,
    typer.Option(
        min=1,
        metavar="N",
        help="With --address: CPU cores to plan for, where the cluster's autoscaler does not tell "
        "how far it may grow.",
    ),
]
ExpectGpusOption = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="With --address: GPUs to plan for.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_json(value: Any) -> None:
    """Finite numbers only."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))
