"""The language of filters: ``architecture=progan and fid<80``, ``not (state=pruned or kimg>=16)``.

A comparison is a field, one of ``= != < <= > >= ~`` and a value; ``~`` means "contains".
Comparisons are joined by ``and``, ``or``, ``not`` and parentheses; ``not`` binds strongest, ``or``
weakest.  A value with spaces or signs in it stands in quotes.  Fields are the columns of a ranking,
the metric's own name, and parameters by their dotted name or any ending of it that is unique.

Capitals do not matter in values.  What has no value is ``none``: ``score=none`` finds trials
without a number, and no ``<`` or ``>`` is true of them.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from animesearch.errors import UserError, did_you_mean
from animesearch.results.configurations import RankedConfiguration
from animesearch.results.formats import ABBREVIATED, finite
from animesearch.results.ranking import Ranked
from animesearch.results.records import Scalar

R = TypeVar("R")
Field: TypeAlias = Callable[[Ranked], Scalar]

LONGEST = 2000
"""Characters of a filter: enough for any person, and no work for a server."""
DEEPEST = 40
"""Parentheses within parentheses."""
ORDERINGS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS = ("!=", "<=", ">=", "==", "=", "<", ">", "~")
DISTANCES = ("fid", "fd-")
KEYWORDS = frozenset({"and", "or", "not"})
COLUMNS: Mapping[str, Field] = {
    "place": lambda r: r.place,
    "trial": lambda r: r.trial_id,
    "number": lambda r: r.number,
    "config": lambda r: r.config_id,
    "seed": lambda r: r.seed,
    "phase": lambda r: r.phase,
    "state": lambda r: r.state,
    "reason": lambda r: r.reason,
    "score": lambda r: r.score,
    "fresh": lambda r: r.fresh,
    "race": lambda r: r.race_best,
    "last": lambda r: r.last_score,
    "noise": lambda r: r.noise,
    "memorisation": lambda r: r.memorisation,
    "images": lambda r: r.images,
    "kimg": lambda r: r.images / 1000,
    "rungs": lambda r: r.rungs_survived,
    "time": lambda r: r.device_seconds,
}
CONFIGURATION_COLUMNS: Mapping[str, Callable[[RankedConfiguration], Scalar]] = {
    "place": lambda r: r.place,
    "tied": lambda r: r.tied,
    "run": lambda r: r.run,
    "trial": lambda r: r.best_trial,
    "score": lambda r: r.score,
    "sd": lambda r: r.sd,
    "n": lambda r: r.n,
    "low": lambda r: r.low,
    "high": lambda r: r.high,
    "interval": lambda r: r.interval,
    "basis": lambda r: r.basis,
    "samples": lambda r: r.samples,
    "floor": lambda r: r.floor,
    "failed": lambda r: r.failed,
    "runs": lambda r: r.runs,
    "state": lambda r: r.state,
    "reason": lambda r: r.reason,
    "images": lambda r: r.images,
    "kimg": lambda r: r.images / 1000,
    "config": lambda r: r.config_id,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<operator>!=|<=|>=|==|=|<|>|~)|(?P<paren>[()])
    |"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s=<>~!()"']+)|(?P<odd>\S))""",
    re.VERBOSE,
)


class FilterError(UserError):
    """A filter that cannot be read: ``position`` is the first character of the mistake, from 1."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(problem, position)
        self.problem, self.position = problem, position

    def __str__(self) -> str:
        return f"filter, character {self.position}: {self.problem}"


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int

    def says(self, text: str) -> bool:
        """Whether this is a keyword or a parenthesis, never a quoted text that reads like one."""
        return self.kind in ("word", "paren") and self.text.lower() == text


def filter_fields(metric: str, ranking: Sequence[Ranked]) -> dict[str, Field]:
    """What a filter can name: columns, the metric, parameters by their whole names."""
    names = dict.fromkeys(name for ranked in ranking for name in ranked.params)
    parameters: dict[str, Field] = {name: _parameter(name) for name in names}
    return {**COLUMNS, metric: COLUMNS["score"], **_but(parameters, COLUMNS)}


def configuration_fields(
    metric: str, ranking: Sequence[RankedConfiguration]
) -> dict[str, Callable[[RankedConfiguration], Scalar]]:
    """What a filter of configurations can name."""
    known = CONFIGURATION_COLUMNS
    names = dict.fromkeys(name for ranked in ranking for name in ranked.params)
    parameters: dict[str, Callable[[RankedConfiguration], Scalar]] = {
        name: _parameter_of_configuration(name) for name in names
    }
    return {**known, metric: known["score"], **_but(parameters, known)}


def _but(parameters: Mapping[str, R], columns: Mapping[str, object]) -> dict[str, R]:
    """A parameter may be called as a column is: then the name means the column."""
    return {name: field for name, field in parameters.items() if name not in columns}


def _parameter(name: str) -> Field:
    return lambda ranked: ranked.params.get(name)


def _parameter_of_configuration(name: str) -> Callable[[RankedConfiguration], Scalar]:
    return lambda ranked: ranked.params.get(name)


def compile_filter(text: str, fields: Mapping[str, Callable[[R], Scalar]]) -> Callable[[R], bool]:
    """The filter as a function of one row; :class:`FilterError` for a mistake in it."""
    if len(text) > LONGEST:
        raise FilterError(f"longer than {LONGEST} characters", LONGEST + 1)
    tokens = _tokens(text)
    return _Parser(tokens, fields).parse() if len(tokens) > 1 else lambda _ranked: True


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while match := _TOKEN.match(text, place):
        kind = match.lastgroup or ""
        token = _Token(kind, match[kind], match.start(kind) + 1)
        if kind == "odd":
            raise FilterError(_odd(token.text), token.position)
        tokens.append(token)
        place = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


def _odd(sign: str) -> str:
    if sign in "'\"":
        return f"the quote {sign} has no end"
    return f"'{sign}' means nothing here; operators are {_listed(OPERATORS)}"


class _Parser(Generic[R]):
    """Recursive descent; each method reads one level of the grammar."""

    def __init__(
        self, tokens: Sequence[_Token], fields: Mapping[str, Callable[[R], Scalar]]
    ) -> None:
        self._tokens, self._fields = tokens, fields
        self._place = self._depth = 0

    def parse(self) -> Callable[[R], bool]:
        whole = self._either()
        token = self._tokens[self._place]
        if token.kind != "end":
            raise FilterError(f"expected 'and' or 'or' before '{token.text}'", token.position)
        return whole

    def _take(self) -> _Token:
        token = self._tokens[self._place]
        self._place += token.kind != "end"
        return token

    def _skip(self, text: str) -> bool:
        found = self._tokens[self._place].says(text)
        self._place += found
        return found

    def _either(self) -> Callable[[R], bool]:
        parts = [self._both()]
        while self._skip("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda row: any(p(row) for p in parts)

    def _both(self) -> Callable[[R], bool]:
        parts = [self._one()]
        while self._skip("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(p(row) for p in parts)

    def _one(self) -> Callable[[R], bool]:
        self._depth += 1
        token = self._tokens[self._place]
        if self._depth > DEEPEST:
            raise FilterError(f"more than {DEEPEST} levels of 'not' and '('", token.position)
        found = self._unit(token)
        self._depth -= 1
        return found

    def _unit(self, opening: _Token) -> Callable[[R], bool]:
        if self._skip("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if not self._skip("("):
            return self._comparison()
        grouped = self._either()
        if not self._skip(")"):
            raise FilterError("this '(' is never closed", opening.position)
        return grouped

    def _comparison(self) -> Callable[[R], bool]:
        name, sign, value = self._take(), self._take(), self._take()
        if name.kind != "word" or name.text.lower() in KEYWORDS:
            found = f"'{name.text}'" if name.text else "the end"
            raise FilterError(f"expected a field, found {found}", name.position)
        field = self._fields[resolve(name.text, self._fields, name.position)]
        if sign.kind != "operator":
            raise FilterError(
                f"expected one of {_listed(OPERATORS)} after '{name.text}'", sign.position
            )
        if value.kind not in ("word", "double", "single"):
            raise FilterError(f"expected a value after '{sign.text}'", value.position)
        test = _test(sign.text, value)
        return lambda row: test(field(row))


def resolve(name: str, fields: Mapping[str, object], position: int = 1) -> str:
    """The one of ``fields`` that ``name`` means: itself, or the only one with that ending.

    ``G.`` and ``D.`` stand for the generator's and the discriminator's.  Raises
    :class:`FilterError`.
    """
    if name in fields:
        return name
    wanted = _parts(name)
    ending = [field for field in fields if _parts(field)[-len(wanted) :] == wanted]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise FilterError(f"'{name}' may be any of {_listed(ending)}", position)
    near = did_you_mean(name, [*fields, *(field.rpartition(".")[2] for field in fields)])
    score = [field for field in fields if field.startswith(DISTANCES)]
    if name.lower().startswith(DISTANCES) and score:
        near = f"the score of this run is '{score[0]}'."
    hint = f", {near}" if near else "."
    raise FilterError(f"unknown field '{name}'{hint} Fields: {_listed(list(fields))}", position)


def _parts(name: str) -> list[str]:
    short = {letter.lower(): word for word, letter in ABBREVIATED.items()}
    parts = name.lower().split(".")
    return [short.get(part, part) if len(parts) > 1 else part for part in parts]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _test(sign: str, value: _Token) -> Callable[[Scalar], bool]:
    if sign in ORDERINGS:
        return _ordering(ORDERINGS[sign], _number(sign, value))
    if sign == "~":
        return lambda found: value.text.lower() in _text(found)
    if sign == "!=":
        return lambda found: not _equal(found, value.text)
    return lambda found: _equal(found, value.text)


def _number(sign: str, value: _Token) -> float:
    number = _as_number(value.text)
    if number is None:
        raise FilterError(f"'{sign}' needs a number, not '{value.text}'", value.position)
    return number


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _ordering(compare: Callable[[float, float], bool], limit: float) -> Callable[[Scalar], bool]:
    def test(found: Scalar) -> bool:
        number = finite(found)
        return number is not None and compare(number, limit)

    return test


def _equal(found: Scalar, text: str) -> bool:
    number, wanted = finite(found), _as_number(text)
    if number is not None and wanted is not None:
        return number == wanted
    return _text(found) == text.lower()


def _text(value: Scalar) -> str:
    return "none" if value is None else str(value).lower()
