"""Taking over the weights of another trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from animesearch.errors import CheckpointError
from animesearch.trainers.adoption import adopt
from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint
from animesearch.trainers.loop import train
from animesearch.trainers.setting import TrialSetting

Make = Callable[..., Any]


@pytest.fixture
def donor(config: Make, setting: Make, source: Make, tmp_path: Path) -> TrialSetting:
    place: TrialSetting = setting(folder=tmp_path / "donor", images=48, rungs=(24, 48))
    list(train(config(), place, source()))
    return place


def files(place: TrialSetting) -> list[Path]:
    return checkpoint_files(place.folder / "checkpoints")


def test_weights_are_the_donors_and_options_the_trials(
    donor: TrialSetting, config: Make, setting: Make, source: Make
) -> None:
    own = replace(donor, folder=donor.folder.with_name("own"), seed=4)
    mine = config(generator={"lr": 0.01})
    adopt(files(donor)[-1], mine, own)
    given, taken = load_checkpoint(files(donor)[-1]), load_checkpoint(files(own)[-1])
    for name, module in given["modules"].items():
        assert all(torch.equal(taken["modules"][name][key], value) for key, value in module.items())
    assert taken["identity"] == own.identity()
    assert taken["optimiser_g"]["param_groups"][0]["lr"] == 0.01
    assert taken["images"] == 48
    assert [r.images for r in train(mine, own, source())] == [48]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"classes": ("a", "b"), "class_shares": (0.5, 0.5)}, r"classes \[\], not \['a', 'b'\]"),
        ({"size": 32}, "size 16, not 32"),
        ({"images": 96, "rungs": (96,)}, "budget 48, not 96"),
    ],
)
def test_a_donor_of_other_trials_is_refused_and_nothing_is_replaced(
    donor: TrialSetting, config: Make, source: Make, parts: dict[str, Any], words: str
) -> None:
    own = replace(donor, folder=donor.folder.with_name("own"), seed=4)
    list(train(config(), own, source()))
    before = {path: path.read_bytes() for path in files(own)}
    with pytest.raises(CheckpointError, match=f"is of other trials: {words}"):
        adopt(files(donor)[-1], config(), replace(own, **parts))
    assert {path: path.read_bytes() for path in files(own)} == before
