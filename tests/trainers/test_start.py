"""Beginning with the weights of an earlier run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from animesearch.errors import CheckpointError, RunFolderError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint
from animesearch.trainers.config import StartOptions
from animesearch.trainers.loop import train
from animesearch.trainers.start import by_content

Make = Callable[..., Any]


@pytest.fixture
def donor(config: Make, setting: Make, source: Make, tmp_path: Path) -> Path:
    """A checkpoint of a short trial in colour."""
    place = setting(folder=tmp_path / "donor")
    list(train(config(), place, source()))
    return checkpoint_files(place.folder / "checkpoints")[-1]


def first_weights(
    config: Make, setting: Make, source: Make, options: Any = None, **parts: Any
) -> dict[str, Any]:
    """What a trial holds after one tiny step."""
    still = {"lr": 1e-12}
    spec = config(generator=still, discriminator=still, **(options or {}))
    place = setting(images=8, rungs=(8,), tick=8, **parts)
    list(train(spec, place, source(channels=place.channels)))
    return load_checkpoint(checkpoint_files(place.folder / "checkpoints")[-1])["modules"]


def test_takes_the_weights(donor: Path, config: Make, setting: Make, source: Make) -> None:
    given = load_checkpoint(donor)["modules"]
    taken = first_weights(config, setting, source, {"start": {"run": str(donor)}})
    for module in ("generator", "discriminator"):
        name = "body.0.weight"
        torch.testing.assert_close(taken[module][name], given[module][name])
    fresh = first_weights(config, setting, source, folder=donor.parent / "fresh")
    assert not torch.allclose(
        fresh["generator"]["body.0.weight"], given["generator"]["body.0.weight"]
    )


def test_colour_to_grey(donor: Path, config: Make, setting: Make, source: Make) -> None:
    """C6: all layers but G's last and D's first, which depend on the channels."""
    place = {"channels": 1, "folder": donor.parent / "grey"}
    first_weights(config, setting, source, {"start": {"run": str(donor)}}, **place)
    record = json.loads((donor.parent / "grey" / "start.json").read_text())
    weights = [name for name in record["fresh"] if name.startswith(("generator", "discriminator"))]
    assert len(weights) == 2
    assert weights[0].startswith("generator.body.")
    assert weights[1] == "discriminator.body.0.weight"
    assert record["taken"]["generator"] > 3


def test_named_layers_are_dropped(donor: Path, config: Make, setting: Make, source: Make) -> None:
    start = {"run": str(donor), "drop": ["generator.body.0.*", "average.body.0.*"]}
    taken = first_weights(config, setting, source, {"start": start})
    given = load_checkpoint(donor)["modules"]
    one, other = (m["generator"]["body.0.weight"] for m in (taken, given))
    assert not torch.allclose(one, other)
    one, other = (m["generator"]["body.3.weight"] for m in (taken, given))
    torch.testing.assert_close(one, other)


def test_a_weight_that_does_not_fit_is_named(
    donor: Path, config: Make, setting: Make, source: Make
) -> None:
    start = {"run": str(donor), "drop": ["generator.body.0.*"]}
    with pytest.raises(CheckpointError, match=r"generator\.body\.\d+\.weight has the shape .*drop"):
        first_weights(config, setting, source, {"start": start}, channels=1)


def test_nothing_that_fits(donor: Path, config: Make, setting: Make, source: Make) -> None:
    other = {"architecture": {"name": "progan", "width": 4, "latent": 8}}
    with pytest.raises(CheckpointError, match=r"no weight of .* fits architecture 'progan'"):
        first_weights(config, setting, source, other | {"start": {"run": str(donor)}})


def test_there_must_be_such_a_run(
    donor: Path, config: Make, setting: Make, source: Make, tmp_path: Path
) -> None:
    with pytest.raises(RunFolderError):
        first_weights(config, setting, source, {"start": {"run": str(tmp_path / "no")}})
    with pytest.raises(RunFolderError, match="'trial' goes with a run folder"):
        start = {"run": str(donor), "trial": "t0001"}
        first_weights(config, setting, source, {"start": start})


def test_a_smaller_growing_network_goes_on_at_the_next_stage(
    config: Make, setting: Make, source: Make, tmp_path: Path
) -> None:
    """M9: the weights of 16 px are those of the first stages at 32 px."""
    small = config(architecture={"name": "progan", "width": 4, "latent": 8})
    place = setting(folder=tmp_path / "small")
    list(train(small, place, source()))
    donor = checkpoint_files(place.folder / "checkpoints")[-1]
    grown = config(
        architecture={"name": "progan", "width": 4, "latent": 8}, start={"run": str(donor)}
    )
    bigger = setting(folder=tmp_path / "big", size=32, images=8, rungs=(8,), tick=8)
    list(train(grown, bigger, source(size=32)))
    record = json.loads((tmp_path / "big" / "start.json").read_text())
    assert record["taken"]["generator"] > 10
    assert all(".3." in name for name in record["fresh"])


def conditional(config: Make, **parts: Any) -> Any:
    return config(architecture={"name": "r3gan", **ARCHITECTURES.get("r3gan").smallest}, **parts)


@pytest.mark.parametrize("classes", [(), ("cat", "cow", "dog")])
def test_other_classes(
    config: Make, setting: Make, source: Make, tmp_path: Path, classes: tuple[str, ...]
) -> None:
    """What depends on the number of classes begins anew; where it is not dropped, it is named."""
    two = setting(folder=tmp_path / "two", classes=("cat", "dog"), class_shares=(0.5, 0.5))
    list(train(conditional(config), two, source(), labels=lambda images: np.arange(8) % 2))
    donor = checkpoint_files(two.folder / "checkpoints")[-1]
    place = setting(
        folder=tmp_path / "other",
        images=8,
        rungs=(8,),
        tick=8,
        classes=classes,
        class_shares=(0.5, 0.25, 0.25) if classes else (),
    )

    def begin(**drop: Any) -> None:
        start = {"run": str(donor), **drop}
        spec = conditional(config, start=start)
        list(train(spec, place, source(), labels=lambda images: np.arange(8) % 3))

    with pytest.raises(CheckpointError, match=r"has the shape .*; allowed: drop: auto"):
        begin(drop=["nothing"])
    begin()
    record = json.loads((tmp_path / "other" / "start.json").read_text())
    assert record["taken"]["generator"] > 3
    assert record["taken"]["discriminator"] > 3


def test_a_moved_run_is_the_same_configuration(
    donor: Path, config: Make, setting: Make, source: Make, tmp_path: Path
) -> None:
    """Told apart by the weights, not by where they lie."""
    moved = tmp_path / "elsewhere" / "copy.ckpt"
    moved.parent.mkdir()
    shutil.copy(donor, moved)
    here, there = ({"batch": 8, "start": {"run": str(place)}} for place in (donor, moved))
    assert by_content(here) == by_content(there)
    assert str(tmp_path) not in json.dumps(by_content(here))
    named = {"run": str(donor), "drop": ["generator.body.0.*"]}
    assert by_content({"batch": 8, "start": named}) != by_content(here)
    other = setting(folder=tmp_path / "other", seed=4)
    list(train(config(), other, source()))
    weights = str(checkpoint_files(other.folder / "checkpoints")[-1])
    assert by_content({"batch": 8, "start": {"run": weights}}) != by_content(here)


@pytest.mark.parametrize("config", [{"batch": 8}, {"start": None}, {"start": {"run": "/no/run"}}])
def test_without_weights_the_configuration_stays(config: dict[str, Any]) -> None:
    assert by_content(config) == config


def test_a_relative_place_counts_from_where_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune moves the process that trains into a folder of its own."""
    monkeypatch.chdir(tmp_path)
    read = StartOptions(run="runs/earlier")
    monkeypatch.chdir(tmp_path.parent)
    assert read.run == str(tmp_path / "runs" / "earlier")
    assert StartOptions.model_validate(read.model_dump()) == read
