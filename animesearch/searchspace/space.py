"""A validated space: what is fixed, what is searched, and how to draw a trial from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel

from animesearch.errors import Problem, UserError
from animesearch.searchspace.catalogue import find_space
from animesearch.searchspace.distributions import (
    QUANTILE,
    Distribution,
    Parameter,
    Params,
    Suggest,
    Tree,
    all_parameters,
    concrete,
    grid_count,
    grid_product,
    parameters_of,
)
from animesearch.searchspace.document import MAX_BYTES, parse_document
from animesearch.searchspace.grammar import Reader
from animesearch.searchspace.overrides import apply_overrides
from animesearch.searchspace.validation import Validator, check
from animesearch.searchspace.wording import Scalar, clean, has_password, listed


@dataclass(frozen=True)
class Sampled:
    """One trial: its resolved options (plain JSON) and the parameters that led to them."""

    tree: dict[str, Any]
    params: Params


@dataclass(frozen=True)
class Space:
    """What :func:`load_space` gives; pickles, and holds nothing that changes.

    ``fixed`` is the validated model with the first value of every distribution: its options
    outside the trial are the run's, its trial only a representative.  ``text`` is the file as it
    was read, ``data`` the document after ``--set``.
    """

    file: str
    text: str
    root: str
    fixed: BaseModel
    data: dict[str, Any]
    tree: Tree
    parameters: tuple[Parameter, ...]

    @property
    def distributions(self) -> dict[str, Distribution]:
        """Every distribution by parameter name, those of all options included."""
        return {p.name: p.distribution for p in all_parameters(self.parameters)}

    def sample(self, suggest: Suggest) -> Sampled:
        """Draw one trial; parameters of an option are suggested only where it is chosen."""
        params: Params = {}

        def pick(parameter: Parameter) -> Scalar:
            params.update(parameter.distribution.draw(parameter.name, suggest))
            return params[parameter.name]

        return Sampled(concrete(self.tree, pick), params)

    def resolve(self, params: Mapping[str, Scalar]) -> dict[str, Any]:
        """The trial that recorded ``params`` stand for.

        Raises :class:`UserError` where a parameter is missing, out of its range, or unknown.
        """
        used: set[str] = set()

        def pick(parameter: Parameter) -> Scalar:
            used.update((parameter.name, parameter.name + QUANTILE))
            return parameter.distribution.read(parameter.name, params)

        tree: dict[str, Any] = concrete(self.tree, pick)
        unused = [name for name in params if name not in used]
        if unused:
            text = clean(listed(unused), 200)
            raise UserError(f"the record has parameters that this space does not draw: {text}")
        return tree

    def grid(self, points: int) -> Iterator[Params]:
        """Every combination once, as parameters for :meth:`resolve`.

        Choices and integers give all their values, continuous ranges ``points`` values from end
        to end (log-spaced where the range is), normals the middles of ``points`` strata of
        equal probability.  Lazy.  Raises ``ValueError`` for fewer than one point.
        """
        if points < 1:
            raise ValueError(f"a grid has at least 1 point per range, got {points}")
        return grid_product(self.parameters, points)

    def size(self, points: int | None = None) -> int | None:
        """Number of grid points.

        Without ``points``: ``None`` where any parameter is continuous.
        """
        return grid_count(self.parameters, points)

    def resolved_dict(self) -> dict[str, Any]:
        """The space as a plain mapping that loads again as the same space.

        ``--set`` is applied, defaults outside the trial are filled in, distributions stay.
        """
        plain = self.fixed.model_dump(mode="json", by_alias=True)
        return {**plain, self.root: self.data.get(self.root, plain.get(self.root))}


def load_space(
    path_or_name: str | FilePath,
    model: type[BaseModel],
    overrides: Sequence[str] = (),
    root: str = "trial",
) -> Space:
    """Read and validate a space file.

    ``path_or_name`` is a file, else the name of a shipped space; ``model`` is the options class
    of a whole file; ``overrides`` are ``a.b=c`` strings; distributions may stand below the key
    ``root``, which may itself be a choice of groups.  Raises :class:`SpaceError` with every mistake
    of the file, and other :class:`UserError` where there is no file to read.
    """
    file = find_space(path_or_name)
    return parse_space(_read(file), str(path_or_name), model, overrides, root)


def parse_space(
    raw: bytes,
    file: str,
    model: type[BaseModel],
    overrides: Sequence[str] = (),
    root: str = "trial",
) -> Space:
    """:func:`load_space` for the bytes of a file; ``file`` names it in messages."""
    parsed = parse_document(raw, file)
    document, problems, broken = apply_overrides(parsed, overrides, root)
    reader = Reader(document, root)
    tree = reader.read()
    validator = Validator(document, model, tree, broken | reader.broken)
    validator.run()
    check([*problems, *reader.problems, *validator.problems], file)
    check([*_passwords(parsed.text, overrides)], file)
    assert validator.fixed is not None
    trial = tree.get(root, {})
    data, parameters = document.data, tuple(parameters_of(trial))
    return Space(file, document.text, root, validator.fixed, data, trial, parameters)


def _passwords(text: str, overrides: Sequence[str]) -> Iterator[Problem]:
    """Passwords anywhere in the file, comments too: a run keeps the whole of it."""
    message = "a URL with a password: the space is copied into the run folder, which may be shared"
    hint = "leave the password out; credentials are read from the environment"
    for number, line in enumerate(text.split("\n"), start=1):
        if has_password(line):
            yield Problem("", message, number, hint)
    for override in overrides:
        if has_password(override):
            yield Problem(clean(override.partition("=")[0], 80), message, None, hint)


def _read(file: FilePath) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read the space '{file}': {error.strerror}") from None
