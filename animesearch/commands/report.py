"""The command ``animesearch report``: a run in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from animesearch.commands.options import RunArgument


def report(
    folder: RunArgument,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="HTML file; an earlier one is replaced."),
    ] = Path("report.html"),
) -> None:
    """Write what a run has found into one file that opens without network.

    Ranking, best grids beside real images, space, rungs, notes and protocol; needs neither torch
    nor Ray, and a copied run folder is enough.
    """
    from animesearch.results.opening import run_to_read
    from animesearch.results.report.write import write_report

    run = run_to_read(folder)
    run.fetch_pictures()
    written = write_report(run, out)
    typer.echo(f"{out}: {written.trials} trials, {written.bytes / 1e6:.1f} MB")
    if written.left_out:
        typer.echo(f"{written.left_out} pictures were left out to keep it small")
