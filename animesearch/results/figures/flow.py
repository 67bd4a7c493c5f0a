"""The rungs of a race as a river: who went on, and where the others left it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animesearch.results.figures.drawing import Figure, Shape, canvas, label, line, shape
from animesearch.results.formats import kimg
from animesearch.results.rungflow import Stage

TOP, DEEP = 30.0, 190.0
WIDE, TAIL = 14.0, 34.0
LEFT, RIGHT = 30.0, 130.0
ROOM, WIDEST = 1000.0, 170.0
ROOMY = 84.0
"""Distance of rungs from which each way out is named beside it."""
WORDS = {"pruned": "stopped", "collapsed": "collapsed", "failed": "failed", "open": "open",
         "completed": "finished"}  # fmt: skip


def flow(stages: Sequence[Stage]) -> Figure:
    """A bar for each rung, as high as there were trials; bands between them."""
    apart = max(14.0, min(WIDEST, (ROOM - LEFT - RIGHT) / max(1, len(stages) - 1)))
    unit = DEEP / max(1, stages[0].arrived if stages else 1)
    parts: list[Shape] = []
    for number, stage in enumerate(stages):
        x = LEFT + number * apart
        parts += _column(stage, x, apart, unit, last=number == len(stages) - 1)
        parts += _heads(stage, x, number, apart)
    width = LEFT + RIGHT + apart * max(0, len(stages) - 1)
    return Figure(
        name="rungs",
        title="Who survived where",
        alt=_alt(stages),
        drawing=canvas(width, TOP + DEEP + 66, *parts),
        heads=["kimg", "arrived", "went on", "stopped by the race", "collapsed", "failed",
               "finished", "still open"],
        rows=[
            [kimg(s.images), s.arrived, s.went, s.pruned, _codes(s) or 0, s.failed, s.finished,
             s.open]
            for s in stages
        ],
        least=round(min(width, 40.0 * len(stages) + 180)),
    )  # fmt: skip


def _column(stage: Stage, x: float, apart: float, unit: float, last: bool) -> Iterator[Shape]:
    """The bar, the band to the next one, and the ways out below it."""
    y, high = TOP, stage.went * unit
    bar = bar_width(apart)
    if stage.went and not last:
        yield shape("rect", x=x + bar, y=y, width=apart - bar, height=high, class_="band")
    yield shape("rect", x=x, y=y, width=bar, height=high, class_="pile went")
    y += high
    for state, count in _ways_out(stage):
        high = count * unit
        yield shape("rect", x=x, y=y, width=bar, height=high, class_=f"pile {state}")
        if state != "completed":
            yield _tail(x + bar, y, high, state)
        if apart >= ROOMY or last:
            yield label(
                _named(stage, state, count),
                x + bar + (6 if state == "completed" else TAIL + 4),
                y + high / 2 + 4,
                "tick",
            )
        y += high


def bar_width(apart: float) -> float:
    """Of the bars; the bands between them take the rest."""
    return min(WIDE, apart * 0.4)


def _tail(x: float, y: float, high: float, state: str) -> Shape:
    """A band that runs out downwards."""
    drop = min(14.0, high / 2 + 4)
    way = (
        f"M{x:.1f} {y:.1f}C{x + TAIL / 2:.1f} {y:.1f} {x + TAIL / 2:.1f} {y + drop:.1f} "
        f"{x + TAIL:.1f} {y + drop + high * 0.2:.1f}V{y + drop + high * 0.8:.1f}"
        f"C{x + TAIL / 2:.1f} {y + high:.1f} {x + TAIL / 2:.1f} {y + high:.1f} {x:.1f} "
        f"{y + high:.1f}z"
    )
    return shape("path", d=way, class_=f"tail {state}")


def _ways_out(stage: Stage) -> list[tuple[str, int]]:
    found = [("completed", stage.finished), ("open", stage.open), ("pruned", stage.pruned),
             ("collapsed", stage.lost), ("failed", stage.failed)]  # fmt: skip
    return [(state, count) for state, count in found if count]


def _named(stage: Stage, state: str, count: int) -> str:
    words = f"{count} {WORDS[state]}"
    codes = list(stage.collapsed)
    return f"{words}: {codes[0]}" if state == "collapsed" and len(codes) == 1 else words


def _heads(stage: Stage, x: float, number: int, apart: float) -> Iterator[Shape]:
    """How many arrived, above; after how many images, below."""
    if number % max(1, round(46 / apart)):
        return
    middle = x + bar_width(apart) / 2
    yield label(str(stage.arrived), middle, TOP - 8, "name", "middle")
    text = "begin" if number == 0 else kimg(stage.images) + (" kimg" if apart >= ROOMY else "")
    yield line(middle, TOP + DEEP + 40, middle, TOP + DEEP + 45, "mark")
    yield label(text, middle, TOP + DEEP + 59, "tick", "middle")


def _codes(stage: Stage) -> str:
    return ", ".join(f"{count} {code}" for code, count in stage.collapsed.items())


def _alt(stages: Sequence[Stage]) -> str:
    if not stages or not stages[0].arrived:
        return "no trial has begun"
    arrived = ", ".join(f"{s.arrived} at {kimg(s.images)} kimg" for s in stages[1:] if s.arrived)
    codes: dict[str, int] = {}
    for stage in stages:
        for code, count in stage.collapsed.items():
            codes[code] = codes.get(code, 0) + count
    lost = ", ".join(f"{count} {code}" for code, count in codes.items()) or "none"
    pruned = sum(stage.pruned for stage in stages)
    return (
        f"{stages[0].arrived} trials began; {arrived or 'none reached a rung'}; "
        f"{pruned} stopped by the race; collapsed: {lost}"
    )
