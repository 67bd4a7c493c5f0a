"""The ``dataset:`` options that would clean a source, as YAML with comments.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from animesearch.datasets.inspection.text import quoted, share
from animesearch.datasets.inspection.verdicts import Advice
from animesearch.datasets.sources.base import SourceSpec
from animesearch.datasets.sources.path import PathSource
from animesearch.datasets.steps import SetStep

DOUBT: Final = "(those commented out: look at what they would drop before)"


def suggested_yaml(source: SourceSpec, advice: Sequence[Advice], usable: int) -> str:
    """Steps that are not taken stand there as comments."""
    taken = [one for one in advice if one.taken]
    left = usable - sum(one.drops for one in taken)
    lines = ["dataset:", f"  source: {_source(source)}"]
    if taken:
        lines += [f"  steps:  # {left:,} of {usable:,} images are left"]
    elif advice:
        lines += ["  # steps:"]
    else:
        lines += ["  # no cleaning step would drop anything"]
    lines += map(_line, advice)
    if len(taken) < len(advice):
        lines += [f"  # {DOUBT}"]
    return "\n".join([*lines, ""])


def _source(source: SourceSpec) -> str:
    if isinstance(source, PathSource):
        return quoted(source.path)
    given = source.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    if not given:
        return source.name
    options = ", ".join(f"{key}: {_value(value)}" for key, value in given.items())
    return f"{{name: {source.name}, {options}}}"


def _value(value: object) -> str:
    """In YAML's flow style, text always in quotes."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            inside = (f"{_value(key)}: {_value(each)}" for key, each in value.items())
            return f"{{{', '.join(inside)}}}"
        case _:
            return quoted(value)


def _line(advice: Advice) -> str:
    verdicts, drops = advice.verdicts, advice.drops
    name = verdicts.step.name
    if advice.taken:
        more = " more" if isinstance(verdicts.step, SetStep) else ""
        return f"    - {name}  # drops {drops:,}{more}"
    sample = f" of a sample of {verdicts.asked:,}" if verdicts.asked < advice.alive else ""
    return f"  #   - {name}  # would drop {drops:,}{sample} ({share(drops, verdicts.asked)})"
