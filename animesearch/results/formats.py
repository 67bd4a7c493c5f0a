"""Short, readable words for numbers, times and configurations; every text from a run cleaned."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from animesearch.results.records import Scalar

BARE = frozenset({"architecture", "loss", "trial"})
"""Parameters whose value says by itself what it is: ``progan``, ``wgan-gp``, a group's label."""
ABBREVIATED = {"generator": "G", "discriminator": "D"}
NO_NUMBER = "-"


def clean(text: object) -> str:
    """``text`` on one line without control, escape, bidirectional or surrogate characters.

    A run folder may come from anybody; what it says must not steer the reader's terminal.
    """
    line = str(text)
    if not line.isprintable():  # says the same of a whole text, and fast
        line = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in line)
    return " ".join(line.split())


def shorten(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters, the cut marked by three dots."""
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."


def short(value: Scalar, digits: int = 3) -> str:
    """A parameter's value: numbers with ``digits`` significant digits, the shorter notation.

    >>> short(0.000312), short(0.5), short(16), short("one-sided")
    ('3.12e-4', '0.5', '16', 'one-sided')
    """
    if isinstance(value, float):
        return _short_float(value, digits)
    if isinstance(value, bool) or value is None:
        return "none" if value is None else str(value).lower()
    return clean(value)


def _short_float(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return str(value)
    plain = f"{value:.{digits}g}"
    if "e" not in plain and abs(value) >= 0.001:
        return plain
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    scientific = f"{mantissa}e{int(exponent)}"
    return plain if "e" not in plain and len(plain) <= len(scientific) else scientific


def score_text(score: float | None) -> str:
    """A distance with a precision that suits its size; ``-`` where there is no number."""
    if score is None or not math.isfinite(score):
        return NO_NUMBER
    decimals = _decimals(score)
    return f"{score:.{decimals}f}" if decimals is not None else _short_float(score, 3)


def decimals_of(score: float, value: float) -> str:
    """``value`` with the decimals that ``score`` is shown with: a spread beside its mean."""
    decimals = _decimals(score)
    return score_text(value) if decimals is None else f"{value:.{decimals}f}"


def _decimals(score: float) -> int | None:
    """Digits behind the point, None for a number too small for a fixed count."""
    size = abs(score)
    return 1 if size >= 1000 else 2 if size >= 10 else 3 if size >= 0.1 else None


def kimg(images: int) -> str:
    """Images in thousands: ``8.0``."""
    return f"{images / 1000:.1f}"


def duration(seconds: float) -> str:
    """A span of time in two units at most: ``45 s``, ``2 min 10 s``, ``1 h 05 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def roughly(seconds: float) -> str:
    """An estimated span, no finer than an estimate can be: ``35 s``, ``1 min 30 s``, ``12 min``.

    >>> roughly(33), roughly(87), roughly(700), roughly(5000)
    ('35 s', '1 min 30 s', '12 min', '1 h 23 min')
    """
    step = 5 if seconds < 60 else 10 if seconds < 600 else 60
    return duration(max(step, round(seconds / step) * step)).replace(" min 00 s", " min")


def finite(value: object) -> float | None:
    """``value`` as a finite number, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The shortest ending of each dotted name that no other of ``names`` shares.

    >>> short_names(["architecture.progan.width", "generator.lr", "discriminator.lr"])
    {'architecture.progan.width': 'width', 'generator.lr': 'G.lr', 'discriminator.lr': 'D.lr'}
    """
    return dict(_short_names(tuple(names)))


@lru_cache(maxsize=64)
def _short_names(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Remembered: a ranking asks for every one of its rows, which have few sets of names."""
    return tuple(
        (name, _shortest(name, [other for other in names if other != name])) for name in names
    )


def _shortest(name: str, others: Sequence[str]) -> str:
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        ending = parts[-count:]
        if not any(other.split(".")[-count:] == ending for other in others):
            break
    return clean(".".join(ABBREVIATED.get(part, part) for part in ending))


def varying(params: Iterable[Mapping[str, Scalar]]) -> list[str]:
    """Names whose values differ between the trials, in the order of their first appearance.

    All names where nothing differs: a search of one trial has a configuration too.
    """
    found = Varying()
    for one in params:
        found.add(one)
    return found.names


class Varying:
    """The same, told one trial at a time."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[bool, str, Scalar]] = {}
        self._differing: set[str] = set()
        self._count = 0

    def add(self, params: Mapping[str, Scalar]) -> None:
        """Another trial's parameters; one that a trial has not differs as well."""
        for name in params:
            if name not in self._first:
                self._first[name] = _key({} if self._count else params, name)
        self._differing.update(
            name for name, first in self._first.items() if _key(params, name) != first
        )
        self._count += 1

    @property
    def names(self) -> list[str]:
        """See :func:`varying`."""
        return [name for name in self._first if name in self._differing] or list(self._first)


def _key(params: Mapping[str, Scalar], name: str) -> tuple[bool, str, Scalar]:
    value = params.get(name)
    return (name in params, type(value).__name__, value)


def configuration(params: Mapping[str, Scalar], names: Sequence[str] | None = None) -> str:
    """The chosen parameters in short: ``progan ns smoothing=none G.lr=3.1e-4 width=16``.

    ``names`` are the ones to show (those that vary); the rest is left out.
    """
    labels = short_names(list(params))
    shown = [name for name in (params if names is None else names) if name in params]
    bare = [short(params[name]) for name in shown if _says_itself(name)]
    pairs = [f"{labels[name]}={short(params[name])}" for name in shown if not _says_itself(name)]
    return " ".join([*bare, *pairs])


def _says_itself(name: str) -> bool:
    """Also below a group: ``style.architecture``."""
    return name.rpartition(".")[2] in BARE
