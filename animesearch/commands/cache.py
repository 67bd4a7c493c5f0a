"""The commands ``animesearch cache ...``: what this machine keeps of other places."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animesearch.commands.options import JsonOption, print_json

if TYPE_CHECKING:
    from animesearch.storage.copies import Copy

app = typer.Typer(
    name="cache",
    help="Copies of runs and prepared images in the cache: what they take, and what may go.",
    no_args_is_help=True,
)

DaysOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Delete what was not used for N days; default: ANIMESEARCH_CACHE_DAYS, else 30.",
    ),
]
SizeOption = Annotated[
    float | None,
    typer.Option(
        "--gb",
        min=0,
        metavar="N",
        help="Then the longest unused, until the rest takes at most N GB; default: "
        "ANIMESEARCH_CACHE_GB, else no limit.",
    ),
]
PreparedOption = Annotated[
    bool,
    typer.Option(
        "--prepared", help="Sets and features made here as well: making them again takes time."
    ),
]
TryOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would go, delete nothing.")]


@app.command("list")
def list_copies(as_json: JsonOption = False) -> None:
    """Copies of runs and sets at a URI, sets and features made here; what was used last at the
    end."""
    from animesearch.storage.cache import default_cache
    from animesearch.storage.copies import COPIES, MADE, copies

    found = copies((*COPIES, *MADE))
    if as_json:
        print_json([_plain(copy) for copy in found])
        return
    for copy in found:
        typer.echo(_line(copy) + ("  in use" if copy.in_use else ""))
    typer.echo(f"{default_cache()}: {_count(found)}")


@app.command()
def prune(
    days: DaysOption = None,
    gb: SizeOption = None,
    prepared: PreparedOption = False,
    try_only: TryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete copies that were not used for long; never one that a process uses.

    What lives at a URI is fetched again when it is asked for.
    """
    from animesearch.storage.copies import COPIES, MADE, Limits, usual_limits
    from animesearch.storage.copies import prune as delete

    usual = usual_limits()
    limits = Limits(usual.days if days is None else days, usual.size if gb is None else gb)
    gone = delete(limits, (*COPIES, *(MADE if prepared else ())), try_only)
    if as_json:
        print_json([_plain(copy) for copy in gone])
        return
    for copy in gone:
        typer.echo(_line(copy))
    typer.echo(f"{'would go' if try_only else 'gone'}: {_count(gone)}")


def _plain(copy: Copy) -> dict[str, Any]:
    at = datetime.fromtimestamp(copy.used).astimezone().isoformat(timespec="seconds")
    return {"kind": copy.kind, "folder": str(copy.path), "bytes": copy.bytes, "used": at}


def _line(copy: Copy) -> str:
    day = datetime.fromtimestamp(copy.used).strftime("%Y-%m-%d")
    return f"{copy.kind}/{copy.path.name}  {math.ceil(copy.bytes / 1e6):,} MB  used {day}"


def _count(found: list[Copy]) -> str:
    many = "1 entry" if len(found) == 1 else f"{len(found):,} entries"
    return f"{many}, {sum(copy.bytes for copy in found) / 1e9:,.2f} GB"
