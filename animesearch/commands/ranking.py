"""The command ``animesearch rank``: the configurations of one run or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from animesearch.commands.options import JsonOption, print_json
from animesearch.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from animesearch.results.comparison import Group
    from animesearch.results.lists import Choice

RunsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Run folders, or URIs of runs; what cannot be compared is listed apart.",
    ),
]
WhereOption = Annotated[
    str,
    typer.Option(metavar="FILTER", help='Rows for which it holds: "architecture=progan and n>2".'),
]
SortOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Ascending; -COLUMN: descending.")
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Columns; an unknown name is answered with all names."),
]
TrialsOption = Annotated[
    bool, typer.Option("--trials", help="One row a trial in place of one a configuration.")
]


def rank(  # noqa: PLR0913, PLR0917 - one parameter per option
    runs: RunsArgument,
    where: WhereOption = "",
    sort: SortOption = None,
    columns: ColumnsOption = None,
    trials: TrialsOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, all columns.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank the configurations of runs, finished or running: mean, spread, ties, failures."""
    from animesearch.results.comparison import group_runs, run_names
    from animesearch.results.lists import Choice
    from animesearch.results.opening import run_to_read

    wanted = None if columns is None else [name.strip() for name in columns.split(",")]
    choice = Choice(where, sort, wanted, trials)
    if as_json and (as_csv or choice != Choice()):
        raise UserError("--json tells everything: it goes without --csv, --where, --sort, "
                        "--columns and --trials")  # fmt: skip
    opened = {run.path.resolve(): run for run in map(run_to_read, runs)}
    folders = {name: opened[path] for name, path in run_names(list(opened)).items()}
    groups = group_runs({name: (one.info(), one.state()) for name, one in folders.items()})
    if as_json:
        _print_json(groups)
    elif as_csv:
        _print_csv(groups, choice)
    else:
        _print_tables(groups, choice)


def _print_json(groups: list[Group]) -> None:
    from animesearch.results.comparison import comparison_json
    from animesearch.results.ranking import ranking_json

    alone = [run for group in groups for run in group.runs.values()]
    print_json(ranking_json(*alone[0]) if len(alone) == 1 else comparison_json(groups))


def _print_csv(groups: list[Group], choice: Choice) -> None:
    from animesearch.results.lists import csv_of

    typer.echo(csv_of(groups, choice), nl=False)


def _print_tables(groups: list[Group], choice: Choice) -> None:
    from rich.console import Console

    from animesearch.results.lists import tables_of

    console = Console()
    parts: list[RenderableType] = tables_of(groups, choice)
    for part in parts:
        console.print(part)
