"""The commands ``animesearch data ...``: look at images, and prepare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from animesearch.commands.options import JsonOption, PluginOption, print_json

app = typer.Typer(
    name="data",
    help="Look at a source of images, and prepare it, without a search.",
    no_args_is_help=True,
)

SourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SRC", help="A folder, an archive, Parquet, a URI, or the name of a source."
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option("--space", metavar="FILE", help="Take the options below its dataset: key."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option below dataset:; may be repeated."),
]

HtmlOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write a page with a contact sheet per problem."),
]
SizeOption = Annotated[int | None, typer.Option(metavar="PX", help="Edge of the images (64).")]
StepsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--step",
        metavar="NAME",
        help="A cleaning step, with its defaults; may be repeated, in their order. "
        "With options: --set steps=...",
    ),
]
OutOption = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        metavar="DIR",
        help="Folder of the prepared set, or a URI (s3://bucket/faces); default: the cache, where "
        "run finds it.",
    ),
]


@app.command()
def inspect(
    source: SourceArgument = None,
    html: HtmlOption = None,
    space: SpaceOption = None,
    overrides: SetOption = None,
    plugins: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what a source holds: formats, sizes, duplicates, bars, bad files, tags.

    Nothing is changed, and no cleaning step is applied: each is asked what it would drop.
    """
    from rich.console import Console

    from animesearch.datasets.inspection import report
    from animesearch.plugins import load_plugins
    from animesearch.tuning.datajobs import dataset_of, inspect_data

    config = dataset_of(source, space, overrides or [], load_plugins(plugins or []))
    found = inspect_data(config, html, Console(stderr=as_json))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    Console().print(report(found))
    if html is not None:
        typer.echo(f"page: {html}")


@app.command()
def prepare(  # noqa: PLR0913, PLR0917 - one parameter per option
    source: SourceArgument = None,
    size: SizeOption = None,
    steps: StepsOption = None,
    out: OutOption = None,
    space: SpaceOption = None,
    overrides: SetOption = None,
    plugins: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read, clean, resize and pack images, as run does; nothing is done twice."""
    from rich.console import Console

    from animesearch.datasets.summary import summary
    from animesearch.plugins import load_plugins
    from animesearch.storage.places import is_uri, shown
    from animesearch.tuning.datajobs import dataset_of, prepare_data

    said = [f"size={size}"] if size is not None else []
    said += [f"steps=[{', '.join(steps)}]"] if steps else []
    config = dataset_of(source, space, [*said, *(overrides or [])], load_plugins(plugins or []))
    packing = prepare_data(config, out, Console(stderr=as_json))
    if as_json:
        print_json({"folder": str(packing.packed.folder), "out": out, "fresh": packing.fresh,
                    **packing.packed.manifest.model_dump(mode="json")})  # fmt: skip
        return
    for line in summary(packing.packed):
        typer.echo(line)
    done = "prepared in" if packing.fresh else "nothing to do: prepared already in"
    typer.echo(f"{done} {packing.packed.folder}")
    if out is not None and is_uri(out):
        typer.echo(f"it stands in {shown(out)}: source: {shown(out)}")
