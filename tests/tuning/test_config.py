"""Options of a search: what is done with the best after the race."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

import jsonschema
import pytest

from animesearch.errors import SpaceError
from animesearch.searchspace.catalogue import list_spaces
from animesearch.searchspace.schema import json_schema
from animesearch.tuning.config import Finalists, SpaceConfig
from animesearch.tuning.prepare import load_search
from tests.tuning.small import SPACE, write_space

SERIOUS = {"anime-64", "all-64", "compare-gan-narrow", "compare-gan-wide"}


def finalists(folder: Path, *overrides: str) -> Finalists:
    return load_search(str(write_space(folder)), overrides).config.search.final


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("4", Finalists(top=4, seeds=0, samples=None)),
        ("{seeds: 2}", Finalists(top=3, seeds=2, samples=None)),
        ("{top: 1, seeds: 5, samples: 10000}", Finalists(top=1, seeds=5, samples=10000)),
    ],
)
def test_a_bare_number_is_the_top_alone(tmp_path: Path, said: str, meant: Finalists) -> None:
    assert finalists(tmp_path, f"search.finalists={said}") == meant
    assert finalists(tmp_path) == Finalists(top=3, seeds=0, samples=None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("0", "at least 1"),
        ("true", "whole number"),
        ("{tops: 2}", "did you mean 'top'?"),
        ("{seeds: -1}", "search.finalists.seeds"),
        ("{samples: 1}", "search.finalists.samples"),
        ("[3]", "expected a mapping of options or a whole number, got a list"),
    ],
)
def test_a_mistake_is_told_once_with_its_place(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(SpaceError) as caught:
        finalists(tmp_path, f"search.finalists={said}")
    assert told in str(caught.value) and len(caught.value.problems) == 1


def test_two_mistakes_within_are_told_both(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as caught:
        finalists(tmp_path, "search.finalists={top: 0, seeds: -1}")
    assert sorted(problem.path for problem in caught.value.problems) == [
        "search.finalists.seeds", "search.finalists.top"
    ]  # fmt: skip


def test_a_population_has_no_configuration_to_train_again(tmp_path: Path) -> None:
    pbt = ["search.scheduler=pbt", "trial.loss=ns", "trial.architecture=penn-dcgan"]
    assert finalists(tmp_path, *pbt, "search.finalists=2").top == 2
    with pytest.raises(SpaceError, match=r"search\.finalists\.seeds: 2 seeds do not go with"):
        finalists(tmp_path, *pbt, "search.finalists.seeds=2")


def test_the_schema_knows_both_forms() -> None:
    schema = json_schema(SpaceConfig)
    part = {"$defs": schema["$defs"], "$ref": "#/$defs/SearchConfig"}
    for good in (4, {"top": 3, "seeds": 5, "samples": 10000}, {"samples": None}):
        jsonschema.validate({"images": 100, "finalists": good}, part)
    for bad in (0, "many", {"seeds": -1}, {"tops": 3}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"images": 100, "finalists": bad}, part)
    described = schema["$defs"]["Finalists"]["properties"].values()
    assert all(option["description"] for option in described)


def test_serious_spaces_train_their_best_again_and_quick_ones_do_not() -> None:
    for space in list_spaces():
        found = load_search(space.name, []).config.search.final
        serious = Finalists(top=3, seeds=5, samples=10000)
        assert found == (serious if space.name in SERIOUS else Finalists()), space.name


def test_plans_and_rankings_need_neither_torch_nor_ray() -> None:
    modules = "tuning.config, animesearch.tuning.prepare, animesearch.results.lists"
    code = (
        "import sys; sys.modules.update(torch=None, ray=None); "
        f"import animesearch.{modules}, animesearch.commands.ranking; "
        "from animesearch.tuning.prepare import load_search; load_search('anime-64', [])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_batches_must_be_shared_out_evenly_by_several_workers(tmp_path: Path) -> None:
    """Every batch that the space may draw."""
    file = str(write_space(tmp_path, SPACE.replace("batch: 16", "batch: {choice: [16, 24]}")))
    with pytest.raises(SpaceError, match=r"batch 16 .* 3 workers \(16 = 3 x 5 \+ 1\)"):
        load_search(file, ["search.resources.workers=3"])
    assert load_search(file, ["search.resources.workers=2"]).config.search.resources.workers == 2
    in_a_range = ["search.resources.workers=3", "trial.batch={int: [18, 36]}"]
    with pytest.raises(SpaceError, match=r"batch 19 .* list the allowed ones in a choice"):
        load_search(file, in_a_range)
