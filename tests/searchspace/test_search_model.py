"""The grammar with the model that it is for: the real space file and its real components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animesearch.errors import SpaceError, UserError
from animesearch.searchspace import Space, json_schema, parse_space
from animesearch.trainers.config import TrialConfig
from animesearch.tuning.config import SpaceConfig
from animesearch.tuning.prepare import load_search
from animesearch.tuning.samplers import SAMPLERS
from tests.searchspace.models import RandomSuggest
from tests.tuning.scripted import Workers, open_race, outcome, scripted_space

jsonschema = pytest.importorskip("jsonschema")

HEAD = """\
dataset: {source: {name: faces, count: 96}, size: 32}
search: {images: 24000, trials: 4}
trial:
"""
GROUPS = """\
  choice:
    - label: gans
      architecture: {choice: [penn-dcgan, {name: progan, width: {choice: [16, 32]}}]}
      loss: {choice: [ns, lsgan]}
      penalties: [{choice: [{name: none}, {name: r1, weight: {loguniform: [0.1, 10]}}]}]
    - label: autoencoders
      architecture: ganime-ae
      loss: {choice: [mse, mae]}
"""


def load(trial: str, *overrides: str) -> Space:
    return parse_space((HEAD + trial).encode(), "s.yaml", SpaceConfig, overrides)


def flow(trial: str) -> Space:
    return load(f"  {{{trial}}}\n".replace("\n", " ") + "\n")


def problems(trial: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SpaceError) as caught:
        flow(trial)
    return [(p.path, p.message, p.hint) for p in caught.value.problems]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema(SpaceConfig)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_groups_of_options_that_belong_together(validator: Any) -> None:
    space = load(GROUPS, "trial.batch=8")
    validator.validate(space.data)
    assert list(space.distributions) == [
        "trial",
        "gans.architecture",
        "gans.architecture.progan.width",
        "gans.loss",
        "gans.penalties.0",
        "gans.penalties.0.r1.weight",
        "autoencoders.loss",
    ]
    trials = [
        TrialConfig.model_validate(space.sample(RandomSuggest(seed)).tree) for seed in range(40)
    ]
    assert {(t.architecture.kind, t.loss.kind) for t in trials} == {
        ("adversarial", "adversarial"),
        ("autoencoder", "autoencoder"),
    }
    assert {t.batch for t in trials} == {8}
    assert {p.name for t in trials for p in t.penalties} == {"none", "r1"}


def test_without_groups_the_same_options_do_not_fit_together() -> None:
    """Neither alternative is wrong beside the first of the other; two are not told twice."""
    trial = (
        "architecture: {choice: [penn-dcgan, progan, ganime-ae]}, loss: {choice: [ns, mse, mae]}"
    )
    found = problems(trial)
    assert [hint for _, _, hint in found] == [
        "with architecture = 'ganime-ae'",
        "with loss = 'mse'",
        "with loss = 'mae'",
        "with architecture = 'progan', loss = 'mse'",
        "with architecture = 'progan', loss = 'mae'",
    ]
    assert {path for path, _, _ in found} == {"trial"}
    text = found[3][1]
    assert "loss 'mse' is for an autoencoder, architecture 'progan' is an adversarial pair" in text
    assert "losses for 'progan': " in text


def test_elements_of_a_list_are_choices_of_components(validator: Any) -> None:
    space = flow(
        "architecture: progan, penalties: [{choice: [{name: none}, "
        "{name: r1, weight: {loguniform: [0.1, 10]}, every: {int: [1, 16]}}]}, r2]"
    )
    validator.validate(space.data)
    picks = {"penalties.0": "r1", "penalties.0.r1.weight": 2.0, "penalties.0.r1.every": 4}
    config = TrialConfig.model_validate(space.resolve(picks))
    first, second = config.penalties
    assert (first.name, first.weight, first.every, second.name) == ("r1", 2.0, 4, "r2")
    assert TrialConfig.model_validate(space.resolve({"penalties.0": "none"})).penalties[0].name == (
        "none"
    )


@pytest.mark.parametrize(
    ("penalties", "path", "message"),
    [
        ("[{choice: [none, r9]}]", "trial.penalties.0.choice.1", "unknown penalty 'r9'"),
        (
            "[{choice: [none, {name: r1, wieght: 1}]}]",
            "trial.penalties.0.choice.1.wieght",
            "unknown key 'wieght', did you mean 'weight'? Allowed: name, weight, every",
        ),
        (
            "[none, {choice: [none, {name: r1, weight: {uniform: [-1, 1]}}]}]",
            "trial.penalties.1.choice.1.weight.uniform.0",
            "must be at least 0, got -1",
        ),
    ],
)
def test_mistakes_in_a_list_of_components(penalties: str, path: str, message: str) -> None:
    [(where, text, _)] = problems(f"architecture: progan, penalties: {penalties}")
    assert where == path
    assert message in text


def test_a_mapping_without_a_name_means_the_default(validator: Any) -> None:
    space = flow(
        "architecture: progan, generator: {lr: {loguniform: [1.0e-4, 1.0e-3]}, beta1: 0.5},"
        " discriminator: {choice: [{label: slow, lr: 1.0e-5}, adam]}"
    )
    validator.validate(space.data)
    assert list(space.distributions) == ["generator.lr", "discriminator"]
    drawn = TrialConfig.model_validate(
        space.resolve({"generator.lr": 5e-4, "discriminator": "slow"})
    )
    assert (drawn.generator.name, drawn.generator.lr) == ("adam", 5e-4)
    assert (drawn.discriminator.name, drawn.discriminator.lr) == ("adam", 1e-5)


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ("{lrr: 1}", "lrr", "unknown key 'lrr', did you mean 'lr'? Allowed: name, lr, clip"),
        ("{lr: 0}", "lr", "must be greater than 0, got 0"),
        ("{lr: '1e-3'}", "lr", "expected a number, got '1e-3'"),
        ("{name: adm, lr: 1}", "name", "unknown optimiser 'adm', did you mean 'adam'?"),
        ("{lr: {choice: [0.1, -1]}}", "lr.choice.1", "must be greater than 0, got -1"),
        ("{choice: [{label: a, lrr: 1}, {label: b}]}", "choice.0.lrr", "did you mean 'lr'?"),
        ("{choice: [{lr: 1}]}", "choice.0", "a component in a choice has a 'name'"),
    ],
)
def test_mistakes_in_a_mapping_without_a_name(options: str, path: str, message: str) -> None:
    [(where, text, _)] = problems(f"architecture: progan, generator: {options}")
    assert where == f"trial.generator.{path}"
    assert message in text


def test_a_choice_of_earlier_runs_has_labels() -> None:
    [(where, text, hint)] = problems("architecture: progan, start: {choice: [{run: a}]}")
    assert where == "trial.start.choice.0"
    assert text == "a component in a choice has a 'name', any other mapping a 'label'"
    assert hint == "{name: ..., option: ...} or {label: ..., option: ...}"
    space = flow("architecture: progan, start: {choice: [{label: a, run: x}, {label: b, run: y}]}")
    drawn = TrialConfig.model_validate(space.resolve({"start": "b"}))
    assert drawn.start is not None and drawn.start.run.endswith("/y")


def test_single_images_where_the_size_allows_them() -> None:
    assert flow("architecture: penn-dcgan, batch: 1").parameters == ()
    [(where, text, _)] = problems("architecture: ganime-ae, batch: 1")
    assert where == "trial.batch"
    assert "'ganime-ae' cannot be trained with batch 1 at 32 pixels" in text
    [(where, text, hint)] = problems("architecture: comic-vanilla, batch: {choice: [64, 1]}")
    assert (where, hint) == ("trial", "with batch = 1")
    assert "'comic-vanilla' cannot be trained with batch 1" in text


@pytest.mark.parametrize(
    "trial",
    [
        {"architecture": {"width": 16}},  # no default: needs a name
        {"architecture": "progan", "generator": {"lrr": 1}},
        {"architecture": "progan", "generator": {"lr": -1}},
        {"architecture": "progan", "penalties": [{"choice": [{"name": "r9"}]}]},
    ],
)
def test_the_schema_sees_mistakes(validator: Any, trial: object) -> None:
    file = {"dataset": {"source": "faces", "size": 32}, "search": {"images": 5}, "trial": trial}
    assert not validator.is_valid(file)
    assert validator.is_valid({**file, "trial": {"architecture": "progan"}})


RACED = b"""
trial:
  choice:
    - {label: a, architecture: alpha, lr: {loguniform: [1.0e-4, 1.0e-2]}, width: {int: [1, 3]}}
    - {label: b, architecture: beta, lr: 0.002, width: {choice: [2, 4]}}
"""


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_groups_in_a_race_killed_and_resumed(tmp_path: Path, sampler: str) -> None:
    """Every sampler asks, records and restores; the resumed race is the undisturbed one."""
    options = {"space": scripted_space(RACED), "sampler": SAMPLERS.parse(sampler), "trials": 9}
    whole = open_race(tmp_path / "whole", **options)
    Workers(whole, 2).run()
    Workers(open_race(tmp_path / "cut", **options), 2).run(7)
    resumed = open_race(tmp_path / "cut", **options)
    Workers(resumed, 2).run()
    assert outcome(resumed.state) == outcome(whole.state)
    trials = list(whole.state.trials.values())
    assert len(trials) == 9 and all(trial.done for trial in trials)
    groups = {(str(t.params["trial"]), t.created.group) for t in trials}
    assert groups == {("a", "alpha"), ("b", "beta")}
    for trial in trials:
        assert set(trial.config) == {"architecture", "lr", "width"}
        assert options["space"].resolve(trial.params) == trial.config


def test_a_grid_of_groups_is_exhausted(tmp_path: Path) -> None:
    grid = SAMPLERS.parse({"name": "grid", "points": 2})
    race = open_race(tmp_path, 99, sampler=grid, space=scripted_space(RACED))
    Workers(race, 1).run()
    assert len({tuple(t.params.items()) for t in race.state.trials.values()}) == 2 * 3 + 2


def test_population_based_training_takes_no_groups(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(HEAD + GROUPS)
    with pytest.raises(UserError, match=r"this space varies: trial, gans\.architecture"):
        load_search(str(file), ["search.scheduler=pbt"])


def test_groups_cannot_be_raced_apart_where_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(HEAD + "  architecture: penn-dcgan\n")
    with pytest.raises(UserError, match="this space has none; allowed: none, architecture"):
        load_search(str(file), ["search.scheduler={name: asha, group_by: trial}"])
