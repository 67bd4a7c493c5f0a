"""The command ``animesearch evaluate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animesearch.commands.options import JsonOption, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from animesearch.tuning.evaluation import Evaluation


class Square(StrEnum):
    """How an image that is not square becomes square."""

    STRETCH = "stretch"
    LETTERBOX = "letterbox"
    CENTRE_CROP = "centre-crop"


ImagesArgument = Annotated[
    str, typer.Argument(metavar="IMAGES", help="A run folder, or a source of generated images.")
]
AgainstOption = Annotated[
    str, typer.Option("--against", metavar="DATA", help="A source of real images.")
]
HeldOption = Annotated[
    str | None,
    typer.Option(metavar="DATA", help="Reals that the generator never saw: memorisation."),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Measures (list measures), or all; default: the usual."),
]
FeaturesOption = Annotated[str, typer.Option(metavar="NAME", help="Network (list features).")]
PolicyOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Resize policy of the features: pytorch-fid, clean …"),
]
SamplesOption = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--samples",
        min=2,
        help="Samples to draw (10000), or images to read, evenly spaced by name (all).",
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(min=8, max=1024, metavar="PX", help="Make each image square first, as a search."),
]
ResizeOption = Annotated[
    Square | None, typer.Option(help="With --size: how; default: stretch, of a run as it did.")
]
TrialOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Of a run: the trial; default: the best.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of a run: the first latent.")]
BatchOption = Annotated[
    int | None, typer.Option(min=1, help="Images in one pass; default: by device.")
]


def evaluate(  # noqa: PLR0913, PLR0917 - one parameter per option
    images: ImagesArgument,
    against: AgainstOption,
    held: HeldOption = None,
    metrics: MetricsOption = None,
    features: FeaturesOption = "auto",
    policy: PolicyOption = None,
    samples: SamplesOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    trial: TrialOption = None,
    seed: SeedOption = 0,
    batch: BatchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure images, or a run's generator, against real images; needs no search.

    Of a run it loads the plug-ins that the run folder keeps.

    Features of the real images are kept in the cache: no second pass over the same ones.
    """
    from rich.console import Console

    from animesearch.results.stages import stages
    from animesearch.storage.cache import default_cache
    from animesearch.tuning.evaluation import USUAL, Request
    from animesearch.tuning.evaluation import evaluate as measure

    names = tuple(name.strip() for name in metrics.split(",")) if metrics else USUAL
    request = Request(
        images, against, held, features, policy, names, samples, size,
        resize.value if resize else None, trial, seed, batch,
    )  # fmt: skip
    with stages(Console(stderr=True)) as progress:
        found = measure(request, Path(default_cache()), progress)
    if as_json:
        print_json(found.as_dict())
        return
    console = Console()
    console.print(_table(found))
    for line in _words(found):
        console.print(line, highlight=False, markup=False)


def _table(found: Evaluation) -> Table:
    from rich import box
    from rich.table import Table

    table = Table("measure", "value", "better", "meaning", box=box.SIMPLE)
    table.columns[1].justify = "right"
    for name, value in found.values.items():
        table.add_row(name, f"{value:.5g}", found.directions[name], found.meanings[name])
    return table


def _words(found: Evaluation) -> list[str]:
    size = f", made {found.size} px" if found.size else ""
    words = [
        f"{found.reason} Resize policy: {found.resize}.",
        f"{found.counts['images']:,} images against {found.counts['against']:,}{size}; "
        f"numbers compare at equal counts only. {found.seconds:.0f} s.",
    ]
    for stage, reasons in found.left_out.items():
        told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
        words += [f"left out of the {stage}: {told}"] if told else []
    return words
