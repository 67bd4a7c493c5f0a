"""The language of filters: what it finds, and what it says of mistakes."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animesearch.errors import UserError
from animesearch.results.columns import Column
from animesearch.results.configurations import RankedConfiguration, rank_configurations
from animesearch.results.filters import (
    CONFIGURATION_COLUMNS,
    DEEPEST,
    LONGEST,
    FilterError,
    compile_filter,
    configuration_fields,
    filter_fields,
)
from animesearch.results.leaderboard import configuration_columns
from animesearch.results.ranking import Ranked, rank
from animesearch.results.state import fold
from tests.results.scripted_run import created, race, reported

RANKING = rank(fold(race()))


def found(where: str, ranking: list[Ranked] = RANKING) -> list[str]:
    matches = compile_filter(where, filter_fields("fd-lite0", ranking))
    return [ranked.trial_id for ranked in ranking if matches(ranked)]


def mistake(where: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        found(where)
    return caught.value


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", ["t0000", "t0005", "t0002", "t0001", "t0003", "t0004"]),
        ("architecture=progan", ["t0005", "t0001", "t0003"]),
        ("architecture = progan and fd-lite0 < 5000", ["t0005"]),
        ("ARCHITECTURE=ProGAN AND score<5000", ["t0005"]),
        ("state=pruned or state=collapsed", ["t0002", "t0001", "t0003"]),
        ("not state=pruned and place!=none", ["t0000", "t0005"]),
        ("not (state=pruned or place!=none)", ["t0003", "t0004"]),
        ("state=failed or state=pruned and kimg>4", ["t0002", "t0004"]),
        ("(state=failed or state=pruned) and kimg>4", ["t0002"]),
        ("reason~COLLAPSE", ["t0003"]),
        ("score=none", ["t0003", "t0004"]),
        ("score<1e9", ["t0000", "t0005", "t0002", "t0001"]),
        ("score>=5400 and score<=5700", ["t0002", "t0001"]),
        ("score=4590.90", ["t0000"]),
        ("score==4590.90", ["t0000"]),
        ("fresh=true", ["t0000", "t0005"]),
        ('loss="wgan-gp"', ["t0005", "t0002"]),
        ("loss='lsgan'", ["t0001", "t0004"]),
        ("loss=wgan-gp", ["t0005", "t0002"]),
        ("G.lr<2e-4", ["t0000"]),
        ("generator.lr<2e-4", ["t0000"]),
        ("progan.width=24", ["t0001"]),
        ("progan.width!=24", ["t0000", "t0005", "t0002", "t0003", "t0004"]),
        ("not not trial=t0003", ["t0003"]),
        ("trial~'000' and number>=4", ["t0005", "t0004"]),
    ],
)
def test_what_a_filter_finds_in_the_order_of_the_ranking(where: str, expected: list[str]) -> None:
    assert found(where) == expected


@pytest.mark.parametrize(
    ("where", "position", "words"),
    [
        ("architectur=progan", 1, "did you mean 'architecture'?"),
        ("state=pruned and archtecture=x", 18, "unknown field 'archtecture'"),
        ("lr<1", 1, "may be any of generator.lr, discriminator.lr"),
        ("fid<80", 1, "the score of this run is 'fd-lite0'"),
        ("score", 6, "expected one of"),
        ("score<", 7, "expected a value"),
        ("score<abc", 7, "needs a number, not 'abc'"),
        ("score<nan", 7, "needs a number"),
        ("<5", 1, "expected a field, found '<'"),
        ("and=5", 1, "expected a field"),
        ("state=pruned state=failed", 14, "expected 'and' or 'or'"),
        ("state=pruned)", 13, "expected 'and' or 'or'"),
        ("state=pruned and", 17, "expected a field, found the end"),
        ("(state=pruned", 1, "never closed"),
        ("state='pruned", 7, "the quote ' has no end"),
        ("a!b", 2, "means nothing here"),
        ("x" * (LONGEST + 1), LONGEST + 1, "longer than"),
        ("(" * 5000, LONGEST + 1, "longer than"),
        ("(" * (DEEPEST + 1), DEEPEST + 1, "levels"),
        ("not " * (DEEPEST + 1), 4 * DEEPEST + 1, "levels"),
    ],
)
def test_a_mistake_is_named_with_its_place(where: str, position: int, words: str) -> None:
    error = mistake(where)
    assert error.position == position
    assert words in error.problem
    assert str(error) == f"filter, character {position}: {error.problem}"
    assert isinstance(error, UserError)


def test_an_unknown_field_tells_all_fields() -> None:
    problem = mistake("nothing=1").problem
    assert all(name in problem for name in ("place", "kimg", "fd-lite0", "generator.lr"))


def test_errors_cross_process_borders() -> None:
    error = mistake("score<abc")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.position) == (str(error), error.position)


def test_a_column_goes_before_a_parameter_of_its_name() -> None:
    ranking = rank(fold([created(0, state="a"), created(1, state="b")]))
    assert found("state=pending", ranking) == ["t0000", "t0001"]


def test_a_missing_value_is_none_and_stands_in_no_order() -> None:
    ranking = rank(fold([created(0, width=1), created(1, loss="ns"), created(2, width=None)]))
    assert found("width=none", ranking) == ["t0001", "t0002"]
    assert found("width<5 or width>=5", ranking) == ["t0000"]
    assert found("not width<5", ranking) == ["t0001", "t0002"]


def test_configurations_are_filtered_by_the_columns_of_their_table() -> None:
    """The same words in the browser and behind ``rank --where``."""
    ranking = rank_configurations(fold(race()))
    columns: dict[str, Column[RankedConfiguration]] = configuration_columns("fd-lite0", ranking)
    fields = configuration_fields("fd-lite0", ranking)
    computed = {"ties", "configuration"}  # texts of the table, not values
    assert set(columns) - computed <= set(fields)
    for name in set(CONFIGURATION_COLUMNS) & set(columns) - {"state"}:
        assert [fields[name](r) for r in ranking] == [columns[name].value(r) for r in ranking], name
    matches = compile_filter("fd-lite0<5000 and architecture=progan", fields)
    assert [r.best_trial for r in ranking if matches(r)] == ["t0005"]


def test_seeds_are_a_field_of_configurations() -> None:
    again = created(1).model_copy(update={"config_id": created(0).config_id})
    events = [created(0), reported(0, 0, 5.0), again, reported(1, 0, 7.0), created(2)]
    ranking = rank_configurations(fold(events))
    matches = compile_filter("n>=2", configuration_fields("fid", ranking))
    assert [r.trials for r in ranking if matches(r)] == [("t0000", "t0001")]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_as_a_mistake(text: str) -> None:
    fields = filter_fields("fid", RANKING)
    try:
        matches = compile_filter(text, fields)
    except FilterError as error:
        assert 1 <= error.position <= len(text) + 1
    else:
        assert all(isinstance(matches(ranked), bool) for ranked in RANKING)
