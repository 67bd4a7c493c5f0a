"""The command line: parse, call, print, exit code.

Every import of the package happens inside a command, so that ``--help`` stays fast.
Exit codes: 0 done, 1 a fault, 2 a mistake of the user's, 130 interrupted.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from animesearch import __version__
from animesearch.commands import cache, data
from animesearch.commands.cluster import status, submit
from animesearch.commands.dashboard import dashboard
from animesearch.commands.evaluate import evaluate
from animesearch.commands.fetch import fetch
from animesearch.commands.options import (
    AddressOption,
    ExpectCpusOption,
    ExpectGpusOption,
    JsonOption,
    PluginOption,
    RunArgument,
    print_json,
)
from animesearch.commands.ranking import rank
from animesearch.commands.report import report
from animesearch.errors import UserError, printable

USER_MISTAKE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="animesearch",
    help="Distributed hyperparameter search for GANs that draw anime and comic faces.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app)
app.add_typer(cache.app)
app.command()(dashboard)
app.command()(evaluate)
app.command()(fetch)

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override a value of the space; may be repeated."),
]
TrialOption = Annotated[
    str | None, typer.Option("--trial", metavar="ID", help="Trial; default: the best.")
]
PictureOption = Annotated[
    Path, typer.Option("-o", "--out", metavar="FILE", help="Picture: .png, .jpg or .webp.")
]
CountOption = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        min=1,
        max=10_000,
        help="Images (64); rows of --interpolate (8); samples to --curate from (5 times K).",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="First latent: other numbers, other faces.")]
TruncationOption = Annotated[
    float,
    typer.Option(
        metavar="PSI",
        help="0..1: less variety, fewer mishaps; 0 is the mean face. Shrinks w of style "
        "architectures, z of others.",
    ),
]
InterpolateOption = Annotated[
    int | None, typer.Option(metavar="N", help="Rows of N images from one latent to another.")
]
MixOption = Annotated[
    str | None,
    typer.Option(
        "--mix",
        "--style-mixing",
        metavar="ROWSxCOLUMNS",
        help="Table of mixed styles: --layers of the face above, the rest of the face at the "
        "left. Style architectures only.",
    ),
]
LayersOption = Annotated[
    str | None,
    typer.Option(metavar="A-B", help="With --mix: coarse (default), middle, fine, or numbers."),
]
CurateOption = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        help="Keep the K of --count samples that D scores highest. Seed 002 tried it: it did "
        "not lower the FID, which judges variety too.",
    ),
]
LabelOption = Annotated[
    str | None,
    typer.Option(help="Class to draw, by name or number; default: as the data's shares."),
]


class Listed(StrEnum):
    """What ``list`` can list."""

    SPACES = "spaces"
    ARCHITECTURES = "architectures"
    LOSSES = "losses"
    PENALTIES = "penalties"
    OPTIMISERS = "optimisers"
    AUGMENTATIONS = "augmentations"
    SAMPLERS = "samplers"
    SCHEDULERS = "schedulers"
    LOGGERS = "loggers"
    SOURCES = "sources"
    STEPS = "steps"
    FEATURES = "features"
    MEASURES = "measures"


def main() -> None:
    """Entry point of the ``animesearch`` command."""
    try:
        app()
    except UserError as error:
        typer.secho(printable(f"animesearch: {error}"), err=True, fg=typer.colors.RED)
        sys.exit(USER_MISTAKE)
    except KeyboardInterrupt:
        typer.secho("interrupted", err=True)
        sys.exit(INTERRUPTED)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"animesearch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter per option
    space: Annotated[
        str, typer.Option("--space", metavar="FILE", help="A space file, or a shipped one's name.")
    ],
    overrides: SetOption = None,
    plugins: PluginOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Run folder, or a URI (s3://bucket/runs/x); default: runs/DATE.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and an estimate, start no search.")
    ] = False,
    address: AddressOption = None,
    expect_cpus: ExpectCpusOption = None,
    expect_gpus: ExpectGpusOption = None,
) -> None:
    """Search a space: train, stop early, rank."""
    from animesearch.plugins import load_plugins
    from animesearch.tuning.attach import where_of

    where = where_of(address, expect_cpus, expect_gpus)
    loaded = load_plugins(plugins or [])
    if dry_run:
        from animesearch.tuning.rehearsal import dry_run as print_plan

        print_plan(space, overrides or [], loaded, where)
        return
    from animesearch.tuning.prepare import load_search

    load_search(space, overrides or [], loaded)  # mistakes are told before torch is imported
    from animesearch.tuning.launch import start

    raise typer.Exit(start(space, overrides or [], out, loaded, where))


@app.command()
def resume(
    folder: RunArgument,
    address: AddressOption = None,
    expect_cpus: ExpectCpusOption = None,
    expect_gpus: ExpectGpusOption = None,
) -> None:
    """Go on with a search that was interrupted or killed.

    Runs the plug-ins that the run folder keeps: resume only what you trust.
    """
    from animesearch.tuning.attach import where_of
    from animesearch.tuning.launch import resume as go_on

    raise typer.Exit(go_on(folder, where_of(address, expect_cpus, expect_gpus)))


app.command()(rank)
app.command()(report)
app.command()(submit)
app.command()(status)


@app.command()
def generate(  # noqa: PLR0913, PLR0917 - one parameter per option
    folder: RunArgument,
    out: PictureOption,
    trial: TrialOption = None,
    count: CountOption = None,
    seed: SeedOption = 0,
    truncation: TruncationOption = 1.0,
    interpolate: InterpolateOption = None,
    mix: MixOption = None,
    layers: LayersOption = None,
    curate: CurateOption = None,
    label: LabelOption = None,
) -> None:
    """Draw images with a trial's generator into one picture.

    Runs the plug-ins that the run folder keeps.
    """
    from animesearch.trainers.generate import Drawing
    from animesearch.trainers.generate import generate as draw

    drawing = Drawing(count, seed, truncation, interpolate, mix, layers, curate, label)
    typer.echo(draw(folder, out, trial, drawing))


@app.command()
def export(
    folder: RunArgument,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="DIR", help="New folder; an earlier export goes."),
    ],
    trial: TrialOption = None,
) -> None:
    """Write a trial's generator as a folder of its own: weights, model card, sampling script.

    Runs the plug-ins that the run folder keeps.
    """
    from animesearch.trainers.export import export as write

    trial_id = write(folder, out, trial)
    typer.echo(f"the generator of {trial_id} in {out}: python {out / 'sample.py'} out.png")


@app.command("list")
def list_components(
    what: Annotated[Listed, typer.Argument(help="What to list.")],
    plugins: PluginOption = None,
    parameters: Annotated[
        bool,
        typer.Option("--parameters", help="Architectures: count parameters (--json does so too)."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the shipped spaces, or the components that a space can name."""
    from animesearch.plugins import load_plugins
    from animesearch.tuning.inventory import inventory, listing

    load_plugins(plugins or [])
    architectures = what is Listed.ARCHITECTURES
    rows = inventory(what.value, parameters or (as_json and architectures))
    if as_json:
        print_json(rows)
        return
    from rich.console import Console

    terminal = sys.stdout.isatty()  # into a file or a pipe, one line an entry, however long
    Console(width=None if terminal else 10_000).print(listing(rows, terminal))


@app.command()
def schema(plugins: PluginOption = None) -> None:
    """Print the JSON schema of a space file, for editors."""
    from animesearch.plugins import load_plugins
    from animesearch.searchspace.schema import json_schema
    from animesearch.tuning.config import SpaceConfig

    load_plugins(plugins or [])
    print_json(json_schema(SpaceConfig))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Tell what this machine has, and what would run on it."""
    from animesearch.tuning.doctor import examine

    findings = examine()
    if as_json:
        print_json(findings)
        return
    width = max(len(key) for key in findings)
    for key, value in findings.items():
        typer.echo(f"{key:<{width}}  {value}")


@app.command("validate-cluster")
def validate_cluster(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Ray cluster launcher file.")],
) -> None:
    """Check a cluster file offline: Ray's own validation, and what Ray lets pass."""
    from animesearch.cluster.validate import validate_cluster as problems_of

    problems = problems_of(file)
    for problem in problems:
        typer.secho(printable(str(problem)), err=True, fg=typer.colors.RED)
    if problems:
        raise typer.Exit(USER_MISTAKE)
    typer.echo(f"{file}: no mistake found")
