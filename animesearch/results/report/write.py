"""Writing the report of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from animesearch import __version__
from animesearch.errors import UserError
from animesearch.files import write_atomic
from animesearch.results.differences import flatten
from animesearch.results.figures.curves import Curve, curves
from animesearch.results.figures.drawing import Figure, Shape, shape
from animesearch.results.figures.parallel import parallel_rows
from animesearch.results.folder import RunFolder
from animesearch.results.formats import (
    clean,
    decimals_of,
    duration,
    kimg,
    score_text,
    short,
)
from animesearch.results.report.pairs import likeness
from animesearch.results.report.pictures import Pictures
from animesearch.results.space_view import (
    SpaceView,
    heat_words,
    space_view,
    spending_rows,
    spending_words,
)
from animesearch.results.story import config_yaml
from animesearch.results.web.store import Moment, Run
from animesearch.results.web.trialapi import reals

HERE = Path(__file__).parent
STYLES = (HERE.parent / "web/static/base.css", HERE.parent / "web/static/figures.css",
          HERE / "report.css")  # fmt: skip
BEST = 6
"""Configurations whose grids are shown large."""
MOST_ROWS = 200
MOST_SLICES = 12
MOST_TITLES = 200
"""Trials up to which lines and dots say whose they are."""


def _most(figure: Figure) -> int:
    """Pixels of width beyond which a drawing is not enlarged."""
    return round(1.2 * float(figure.drawing.attributes["width"]))


def _drawn(figure: Figure) -> Markup:
    """Every text in a drawing is escaped where it is written."""
    return Markup(figure.drawing.markup())


def _spread(row: Mapping[str, Any]) -> str:
    return decimals_of(row["score"], row["sd"])


FILTERS: Mapping[str, Callable[..., object]] = {
    "score": score_text,
    "kimg": kimg,
    "duration": duration,
    "clean": clean,
    "most": _most,
    "drawn": _drawn,
    "spread": _spread,
}


@dataclass(frozen=True)
class Written:
    """What came of it; ``left_out`` counts pictures that had no room."""

    bytes: int
    trials: int
    left_out: int


def write_report(folder: RunFolder, out: Path) -> Written:
    """Write the report of the run to ``out``; an earlier one is replaced."""
    if out.is_dir():
        raise UserError(f"{out} is a folder; give the report a file, such as {out / 'report.html'}")
    moment = Run(folder.path).moment()
    pictures = Pictures(folder.path)
    content = render(moment, pictures).encode()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, content)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error}") from error
    return Written(len(content), len(moment.state.trials), pictures.left_out)


def render(moment: Moment, pictures: Pictures) -> str:
    """The whole page."""
    view = space_view(moment.info, moment.state, moment.ranking)
    return _template().render(
        version=__version__,
        style=Markup("\n".join(file.read_text(encoding="utf-8") for file in STYLES)),
        run=moment.facts,
        info=moment.info,
        damage=moment.damage,
        best=_best(moment, pictures),
        reals=pictures.grid(reals(moment)),
        likeness=likeness(moment, pictures),
        rows=[_row(row, moment, pictures) for row in moment.rows[:MOST_ROWS]],
        total=len(moment.rows),
        curves=curves(_curves(moment), moment.info.metric),
        protocol=[
            (clean(path), short(value, 6)) for path, value in flatten(moment.facts["protocol"])
        ],
        environment=[(clean(k), clean(v)) for k, v in moment.info.environment.items()],
        space=_yaml(moment.info.space),
        left_out=pictures.left_out,
        **_space(view),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template("report.html")


def _space(view: SpaceView) -> dict[str, Any]:
    heads, rows = spending_rows(view.spending)
    titles = {
        point.trial_id: f"{point.trial_id}: {score_text(point.score)}, {point.state}"
        for point in view.chosen
    }
    titles = titles if len(titles) <= MOST_TITLES else {}
    table = parallel_rows(view.chosen[:MOST_ROWS], view.axes)
    return {
        "importance": view.importance,
        "parallel": replace(_titled(view.parallel, titles), rows=table) if view.axes else None,
        "slices": [_titled(figure, titles) for figure in view.slices[:MOST_SLICES]],
        "heat": view.heat,
        "heat_words": heat_words(view.heat),
        "rungs": view.rungs,
        "spent": spending_words(view.spending),
        "spending_heads": heads,
        "spending_rows": rows,
    }


def _titled(figure: Figure, titles: Mapping[str, str]) -> Figure:
    """Lines and dots that say whose they are where the pointer rests."""
    return replace(figure, drawing=_with_titles(figure.drawing, titles)) if titles else figure


def _with_titles(drawn: Shape, titles: Mapping[str, str]) -> Shape:
    text = titles.get(drawn.attributes.get("data-trial", ""))
    children = tuple(
        child if isinstance(child, str) else _with_titles(child, titles)
        for child in drawn.children
    )  # fmt: skip
    return replace(drawn, children=(*children, shape("title", text)) if text else children)


def _curves(moment: Moment) -> list[Curve]:
    return [Curve(row["trial"], row["curve"]) for row in moment.rows]


def _row(row: dict[str, Any], moment: Moment, pictures: Pictures) -> dict[str, Any]:
    return {**row, "picture": pictures.thumbnail(_newest(moment, row["trial"]))}


def _best(moment: Moment, pictures: Pictures) -> list[dict[str, Any]]:
    """The rows with a place that stand first, with what there is to look at."""
    rows = [row for row in moment.rows if row["place"] is not None][:BEST]
    return [
        {
            **row,
            "picture": pictures.grid(_newest(moment, row["trial"])),
            "yaml": config_yaml(moment.state.trials[row["trial"]]),
        }
        for row in rows
    ]


def _newest(moment: Moment, trial_id: str) -> str | None:
    grids = moment.grids.get(trial_id, ())
    return grids[-1].path if grids else None


def _yaml(tree: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True)
    return text
