"""The command ``animesearch fetch``: a run that lives elsewhere, brought home."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animesearch.commands.cluster import ClusterOption, PrintOption, from_head
from animesearch.errors import UserError

if TYPE_CHECKING:
    from animesearch.storage.mirror import Pulled


def fetch(
    place: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="s3://bucket/runs/x; with --cluster a folder of its head."
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or an earlier copy of the run.")
    ],
    without_checkpoints: Annotated[
        bool,
        typer.Option(
            "--without-checkpoints", help="Leave out the weights: the dashboard needs none."
        ),
    ] = False,
    cluster: ClusterOption = None,
    print_only: PrintOption = False,
) -> None:
    """Copy a run from where it lives into a folder; may be repeated while it runs.

    Only what has changed is copied, so that an interrupted copy goes on where it was.  What the
    run has deleted since an earlier copy stays in the folder.
    """
    from rich.console import Console

    from animesearch.results.fetching import fetch_run
    from animesearch.results.stages import stages
    from animesearch.storage.places import checked, is_uri

    if cluster is not None:
        from_head(cluster, place, folder, print_only)
        return
    found = checked(place)
    if not is_uri(found):
        raise UserError(
            f"'{place}' is no URI such as s3://bucket/runs/x: a folder can be copied, one of a "
            "cluster's head with --cluster FILE"
        )
    if print_only:
        raise UserError(f"no command of Ray's stands for reading {found}; leave --print-only out")
    with stages(Console(stderr=True)) as progress:
        tell = partial(progress, "fetch (bytes)")
        done = fetch_run(found, folder, not without_checkpoints, tell=tell)
    for line in _words(done, folder):
        typer.echo(line)


def _words(done: Pulled, folder: Path) -> list[str]:
    words = [
        f"{folder}: {len(done.fetched):,} files fetched ({done.bytes / 1e6:,.1f} MB), "
        f"{len(done.unchanged):,} unchanged"
    ]
    if done.refused:
        words.append(
            f"{len(done.refused):,} names would have led out of the folder and were left out"
        )
    return words
