"""The one exception tree of animesearch.

A :class:`UserError` is a mistake of the person at the keyboard: the command line prints its
message, without a traceback, and exits with code 2.  Everything else is a bug or a fault and
keeps its traceback.  All of them pickle, because they cross process borders under Ray.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class AnimesearchError(Exception):
    """Root of all exceptions that animesearch raises on purpose."""


class UserError(AnimesearchError):
    """A mistake that the user can mend: one clear message, exit code 2."""


class UnknownNameError(UserError):
    """A name that is in no registry or list."""


class DataError(UserError):
    """A source of images that cannot be used as it stands."""


class UnsupportedError(UserError):
    """A component was asked for something that its design does not allow."""


class RunFolderError(UserError):
    """A run folder that exists, is missing, is locked or cannot be written."""


class StorageError(UserError):
    """A store that cannot be reached or refuses, or a place in one that cannot be named so."""


class MissingWeightsError(UserError):
    """Published weights that are neither on this machine nor to be fetched."""


class MetricError(AnimesearchError):
    """A metric has no finite value for these images (never returned as a number)."""


class NoSpreadError(MetricError):
    """All images, or all of their features, are the same one."""


class LeavingError(AnimesearchError):
    """A trial's machine is about to go: what was trained is saved, and another goes on with it."""


class CheckpointError(AnimesearchError):
    """A checkpoint that is broken, incomplete or of another configuration."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a space file.

    ``path`` is the dotted path of the value, ``line`` its 1-based line in the file (``None`` for
    values that came from ``--set``), ``message`` the rule and the value, ``hint`` a suggestion.
    """

    path: str
    message: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line is not None else "--set"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}, {self.path or '(top)'}: {self.message}{hint}"


class SpaceError(UserError):
    """Every mistake found in one space file."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"{self.file}: {count} mistake{'s' if count != 1 else ''}"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


def printable(text: str) -> str:
    """``text`` for a terminal: its lines stay, what else would steer the terminal is escaped."""
    return "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text
    )


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """``"did you mean 'x'?"`` for the closest of ``allowed``, or an empty string."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""
