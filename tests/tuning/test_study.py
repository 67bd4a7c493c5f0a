"""Configurations that the check of a space cannot foresee are never handed out."""

from __future__ import annotations

from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.searchspace.space import Space, parse_space
from animesearch.trainers.config import TrialConfig
from animesearch.tuning.config import SpaceConfig
from animesearch.tuning.prepare import load_search, trial_count
from animesearch.tuning.samplers import Grid, RandomSearch, SamplerSpec, Tpe
from animesearch.tuning.study import Brain

SPACE = """
dataset: {{source: faces, size: 32, channels: 3}}
search: {{images: 1000, scheduler: none, resources: {{workers: {workers}}}}}
trial: {{{trial}}}
"""
FAKES = (
    "architecture: penn-dcgan, loss: {choice: [ns, wgan]}, fakes_among_reals: {choice: [0, 0.1]}"
)
KERNELS = (
    "architecture: {name: bergna-v2, resize_kernel: {choice: [3, 4]}, "
    "resize_stride: {choice: [2, 1]}}"
)
PATHS = "architecture: {choice: [penn-dcgan, stylegan2]}, batch: {choice: [16, 8]}"
"""Path lengths are taken on half of a batch."""


def space(trial: str, workers: int = 0) -> Space:
    text = SPACE.format(trial=trial, workers=workers)
    return parse_space(text.encode(), "space.yaml", SpaceConfig)


@pytest.mark.parametrize("trial", [FAKES, KERNELS])
@pytest.mark.parametrize("sampler", [RandomSearch(), Tpe(startup=2)])
def test_what_does_not_go_together_is_drawn_again(trial: str, sampler: SamplerSpec) -> None:
    brains = [Brain(space(trial), sampler, seed=0) for _ in range(2)]
    first, second = ([b.ask(number, str(number)) for number in range(12)] for b in brains)
    assert first == second
    for sampled in first:
        TrialConfig.model_validate(sampled.tree)
    assert len({tuple(sampled.params.values()) for sampled in first}) == 3


def test_a_grid_leaves_it_out() -> None:
    brain = Brain(space(FAKES), Grid(), seed=0)
    assert brain.limit == 3
    found = [tuple(brain.ask(number, str(number)).params.values()) for number in range(3)]
    assert set(found) == {("ns", 0), ("ns", 0.1), ("wgan", 0)}


@pytest.mark.parametrize("sampler", [RandomSearch(), Grid()])
def test_what_several_workers_cannot_share_out_is_drawn_again(sampler: SamplerSpec) -> None:
    brain = Brain(space(PATHS, workers=8), sampler, seed=0)
    count = brain.limit or 24
    drawn = [brain.ask(number, str(number)).params.values() for number in range(count)]
    assert {tuple(params) for params in drawn} == {
        ("penn-dcgan", 16), ("penn-dcgan", 8), ("stylegan2", 16),
    }  # fmt: skip


def test_a_space_of_nothing_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        TrialConfig.model_validate({"architecture": "penn-dcgan", "loss": "mse"})

    brain = Brain(space(FAKES), RandomSearch(), seed=0)
    monkeypatch.setattr(Brain, "_complete", refused)
    with pytest.raises(UserError, match=r"none of 100 configurations .* loss 'mse' is for an auto"):
        brain.ask(0, "t0000")


@pytest.mark.parametrize(
    ("options", "count"), [("", 1), ("trials: 5,", 5), ("trials: 5, sampler: grid,", 1)]
)
def test_nothing_to_vary_but_the_seed(tmp_path: Path, options: str, count: int) -> None:
    text = SPACE.format(trial="architecture: penn-dcgan", workers=0).replace(
        "search: {", f"search: {{{options}"
    )
    (tmp_path / "s.yaml").write_text(text)
    assert trial_count(load_search(str(tmp_path / "s.yaml"), [])) == count
