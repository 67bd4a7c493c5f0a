"""Mistakes: all at once, at their lines, in words that help."""

from __future__ import annotations

import pickle

import pytest

from animesearch.errors import SpaceError
from animesearch.searchspace import parse_space
from tests.searchspace.models import FULL, File, mistake, mistakes, space_of

MANY = """\
title: 5
titel: x
trial:
  body:
    choice:
      - rond
      - name: round
        width: 17
        paint:
          choice:
            - {name: layered, coats: {int: [0, 9]}}
            - {name: layered, label: deep,
               below: {name: layered, below: {name: plain, glos: 1}}}
        edge: {choice: [none, sotf]}
      - {name: square, paints: [plain, {name: plain, gloss: {choice: [0.5, 1.5]}}]}
  left:
    lr: {loguniform: [0, 1]}
    beta: {uniform: [0.5, 2]}
    lrr: 3
  right: {lr: {normal: [0.1, 0.05]}, warm: yes, limit: '5'}
  batch: {uniform: [8, 16]}
search:
  trials: {int: [1, 5]}
  sampler: rndom
"""


def test_every_mistake_at_once_at_its_line() -> None:
    found = mistakes(MANY)
    lines = {path: line for path, (line, _) in found.items()}
    body = "trial.body.choice"
    assert lines == {
        "title": 1,
        "titel": 2,
        f"{body}.0": 6,
        f"{body}.1.width": 8,
        f"{body}.1.paint.choice.0.coats.int.0": 11,
        f"{body}.1.paint.choice.0.coats.int.1": 11,
        f"{body}.1.paint.choice.1.below.below.glos": 13,
        f"{body}.1.edge.choice.1": 14,
        f"{body}.2.paints.1.gloss.choice.1": 15,
        "trial.left.lr.loguniform": 17,
        "trial.left.beta.uniform.1": 18,
        "trial.left.lrr": 19,
        "trial.right.lr.normal": 20,
        "trial.right.warm": 20,
        "trial.right.limit": 20,
        "trial.batch.uniform": 21,
        "search.trials": 23,
        "search.sampler": 24,
    }
    texts = {path: text for path, (_, text) in found.items()}
    assert texts["title"] == "expected text, got 5"
    assert texts["titel"] == (
        "unknown key 'titel', did you mean 'title'? Allowed: title, trial, search"
    )
    assert texts[f"{body}.0"] == (
        "unknown body 'rond', did you mean 'round'? Allowed: round, square"
    )
    assert texts[f"{body}.1.width"] == "must be a multiple of 4, got 17"
    assert texts[f"{body}.1.paint.choice.0.coats.int.0"] == "must be at least 1, got 0"
    assert texts[f"{body}.1.paint.choice.0.coats.int.1"] == "must be at most 8, got 9"
    assert texts[f"{body}.1.paint.choice.1.below.below.glos"] == (
        "unknown key 'glos', did you mean 'gloss'? Allowed: name, gloss"
    )
    assert texts[f"{body}.1.edge.choice.1"] == (
        "must be one of 'none', 'soft', 'hard', got 'sotf' did you mean 'soft'?"
    )
    assert texts["trial.left.beta.uniform.1"] == "must be less than 1, got 2"
    assert "must be greater than 0, got -0.3" in texts["trial.right.lr.normal"]
    assert "cut it with low and high" in texts["trial.right.lr.normal"]
    assert texts["trial.right.warm"] == "expected true or false, got 'yes'"
    assert texts["trial.right.limit"] == "expected a whole number or null, got '5' no quotes"
    assert "for whole numbers use int" in texts["trial.batch.uniform"]
    assert "belongs to the whole search" in texts["search.trials"]
    assert "below 'trial'" in texts["search.trials"]
    assert texts["search.sampler"] == (
        "must be one of 'tpe', 'random', 'grid', got 'rndom' did you mean 'random'?"
    )


def test_the_report_is_in_the_order_of_the_file() -> None:
    with pytest.raises(SpaceError) as caught:
        parse_space(MANY.encode(), "many.yaml", File, ["trial.shift=x"])
    lines = [problem.line for problem in caught.value.problems]
    assert lines[-1] is None
    assert lines[:-1] == sorted(line for line in lines if line is not None)
    assert str(caught.value).splitlines()[0] == "many.yaml: 19 mistakes"
    assert str(caught.value).splitlines()[1] == "  line 1, title: expected text, got 5"
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


@pytest.mark.parametrize(
    ("trial", "path", "message"),
    [
        ("{}", "trial.body", "'body' is missing and has no default. Allowed: round, square"),
        ("3", "trial", "expected a mapping of options, got 3"),
        ("null", "trial", "expected a mapping of options, got null"),
        ("{body: 3}", "trial.body", "expected the name of a body, or a mapping with 'name'"),
        ("{body: {width: 4}}", "trial.body", "allowed: round, square"),
        ("{body: round, left: 3}", "trial.left", "expected a mapping of options, got 3"),
        ("{body: round, left: [3]}", "trial.left", "got a list of 1 item"),
        ("{body: round, left: {lr: abc}}", "trial.left.lr", "expected a number, got 'abc'"),
        ("{body: round, left: {lr: '1e-3'}}", "trial.left.lr", "expected a number, got '1e-3'"),
        ("{body: round, left: {lr: true}}", "trial.left.lr", "expected a number, got true"),
        ("{body: round, left: {lr: null}}", "trial.left.lr", "expected a number, got null"),
        ("{body: round, left: {warm: 1}}", "trial.left.warm", "expected true or false, got 1"),
        ("{body: round, left: {limit: 1.5}}", "trial.left.limit", "a whole number, got 1.5"),
        ("{body: round, left: {limit: 0}}", "trial.left.limit", "must be at least 1, got 0"),
        ("{body: round, batch: 0}", "trial.batch", "must be at least 1 or one of 'auto', got 0"),
        ("{body: round, batch: big}", "trial.batch", "a whole number or one of 'auto', got 'big'"),
        ("{body: round, batch: true}", "trial.batch", "got true"),
        ("{body: {name: round, edge: null}}", "trial.body.edge", "did you mean 'none'?"),
        ("{body: {name: square, sides: [1]}}", "trial.body.sides.1", "missing"),
        ("{body: {name: square, sides: [1, a]}}", "trial.body.sides.1", "expected a number"),
        ("{body: {name: square, sides: 1}}", "trial.body.sides", "expected a list, got 1"),
        ("{body: {name: square, paints: [plain, x]}}", "trial.body.paints.1", "unknown paint 'x'"),
        ("{body: round, extra: {a: x}}", "trial.extra.a", "expected a number, got 'x'"),
        ("{body: round, extra: {a: '1'}}", "trial.extra.a", "expected a number, got '1'"),
        ("{body: {name: round, label: x}}", "trial.body.label", "unknown key 'label'"),
        ("{body: round, batch: {int: [0, 5]}}", "trial.batch.int.0", "must be at least 1"),
        ("{body: round, shift: {choice: [1, '2']}}", "trial.shift.choice.1", "got '2'"),
        ("{body: {name: rund}}", "trial.body.name", "unknown body 'rund', did you mean 'round'?"),
        ("{body: {choice: [{name: rund}]}}", "trial.body.choice.0.name", "unknown body 'rund'"),
        ("{body: round, bach: {choice: [1, 2]}}", "trial.bach", "did you mean 'batch'?"),
        ("{body: round, bach: {uniform: [1, 2]}}", "trial.bach", "did you mean 'batch'?"),
        ("{body: round, bach: {a: {b: {int: [1, 2]}}}}", "trial.bach", "did you mean 'batch'?"),
        (
            "{body: {name: round, width: {int: [4, 8]}}}",
            "trial.body.width.int",
            "must be a multiple of 4, got 5 a value within the range; list the allowed ones",
        ),
    ],
)
def test_messages(trial: str, path: str, message: str) -> None:
    where, text = mistake(trial)
    assert where == path
    assert message in text


def test_rules_between_options_name_the_alternative() -> None:
    trial = "{body: {choice: [round, square]}, batch: 13}"
    assert mistake(trial) == ("trial", "a square body takes no batch of 13 with body = 'square'")


def test_a_validator_of_the_models_own_is_respected() -> None:
    space = parse_space(b"title: t\ntrial: {body: round}\nsearch: {eta: three}\n", "f", File)
    assert space.fixed.search.eta == 3.0  # type: ignore[attr-defined]


def test_a_missing_trial_is_at_the_top() -> None:
    assert mistakes("# c\ntitle: t\n") == {
        "trial": (2, "'trial' is missing and has no default."),
    }


@pytest.mark.parametrize("word", ["uniform", "loguniform", "int", "logint", "choice", "normal"])
def test_distributions_outside_the_trial(word: str) -> None:
    text = f"title: t\ntrial: {{body: round}}\nsearch:\n  trials: {{{word}: [1, 2]}}\n"
    [(path, (line, message))] = mistakes(text).items()
    assert (path, line) == ("search.trials", 4)
    assert message.startswith("this option belongs to the whole search and takes one value")


def test_broken_distributions_do_not_hide_their_siblings() -> None:
    trial = "{body: {choice: [{name: round, width: 3, paint: {choice: []}}, {nme: x}]}, bach: 3}"
    found = mistakes(f"title: t\ntrial: {trial}\n")
    assert set(found) == {
        "trial.body.choice.0.width",
        "trial.body.choice.0.paint.choice",
        "trial.body.choice.1",
        "trial.bach",
    }


def test_mistakes_in_aliased_values_are_at_their_anchor() -> None:
    text = "title: t\ntrial:\n  body: round\n  left: &motor\n    lr: -1\n  right: *motor\n"
    assert {path: line for path, (line, _) in mistakes(text).items()} == {
        "trial.left.lr": 5,
        "trial.right.lr": 5,
    }


def test_huge_values_and_control_characters_are_shortened() -> None:
    trial = f'{{body: "{"x" * 4000}", "a\\tb": 1, batch: "a\\nb", note: {{{"k" * 200}: 1}}}}'
    found = mistakes(f"title: t\ntrial: {trial}\n")
    assert len(found) == 4
    for path, (_, message) in found.items():
        assert len(message) <= 420
        assert len(path) <= 200
        assert (path + message).isprintable()


def test_long_reports_are_cut() -> None:
    unknown = "\n".join(f"key{i}: 1" for i in range(5000))
    found = mistakes(f"title: t\ntrial: {{body: round}}\n{unknown}\n")
    assert len(found) == 101
    assert found[""] == (103, "there are more mistakes than these 100")


def test_a_space_too_large_to_check_is_refused() -> None:
    options = ", ".join(str(n) for n in range(1, 5000))
    extra = ", ".join(f"k{n}: 1" for n in range(900))
    trial = f"{{body: round, batch: {{choice: [{options}]}}, extra: {{{extra}}}}}"
    found = mistakes(f"title: t\ntrial: {trial}\n")
    assert "too many to check" in found[""][1]


def test_good_spaces_have_no_mistakes() -> None:
    parse_space(FULL, "full.yaml", File)
    space_of("{body: {name: square, sides: [{uniform: [1, 2]}, 3]}, extra: {a: {int: [1, 2]}}}")
