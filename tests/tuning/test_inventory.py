"""What ``animesearch list`` shows."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
import torch
from rich.console import Console

from animesearch.cli import Listed
from animesearch.errors import UserError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.blueprints import blueprint, parameter_count, style_architectures
from animesearch.tuning.inventory import inventory, listing


def shown(rows: list[dict[str, object]], width: int, terminal: bool = True) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(listing(rows, terminal))
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize("what", Listed)
def test_every_list_has_names_and_summaries(what: Listed) -> None:
    rows = inventory(what.value)
    assert rows
    assert all(row["name"] and row["summary"] for row in rows)
    json.dumps(rows, allow_nan=False)


def test_what_a_space_needs_is_listed() -> None:
    assert {row["name"] for row in inventory("architectures")} >= {"progan", "penn-dcgan"}
    assert {row["name"] for row in inventory("losses")} >= {"ns", "lsgan", "wgan-gp"}
    assert {row["name"] for row in inventory("schedulers")} >= {"asha", "hyperband", "median"}
    assert {row["name"] for row in inventory("optimisers")} >= {"adam"}
    assert "none" in {row["name"] for row in inventory("augmentations")}
    assert inventory("penalties")
    assert "progan" in {row["name"].removesuffix(".yaml") for row in inventory("spaces")}


def test_rows_tell_what_a_component_can_do() -> None:
    rows = {row["name"]: row for row in inventory("architectures")}
    dcgan = rows["penn-dcgan"]
    assert (dcgan["kind"], dcgan["conditional"]) == ("adversarial", False)
    assert (dcgan["sizes"], dcgan["channels"]) == ([16, 32, 64, 128], [1, 3])
    assert "Radford" in dcgan["source"]
    assert dcgan["options"]["width"]["default"] == 64
    assert "parameters" not in dcgan
    losses = {row["name"]: row["kind"] for row in inventory("losses")}
    assert (losses["ns"], losses["mse"]) == ("adversarial", "autoencoder")


# -- parameters ------------------------------------------------------------------------------------


def test_parameters_are_counted_at_each_size() -> None:
    rows = {row["name"]: row["parameters"] for row in inventory("architectures", parameters=True)}
    for spec in ARCHITECTURES:
        counted = rows[spec.component_name()]
        assert [row["size"] for row in counted] == list(spec.sizes)
        assert all(row["generator"] > 0 and row["discriminator"] > 0 for row in counted)
    at_64 = next(row for row in rows["penn-dcgan"] if row["size"] == 64)
    # As PyTorch's DCGAN example has them.
    assert (at_64["generator"], at_64["discriminator"]) == (3_576_704, 2_765_568)


def test_parameters_are_of_architectures() -> None:
    with pytest.raises(UserError, match="--parameters goes with 'list architectures'"):
        inventory("losses", parameters=True)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_a_blueprint_counts_as_the_network_does_and_takes_no_memory(name: str) -> None:
    cls = ARCHITECTURES.get(name)
    spec = ARCHITECTURES.parse({"name": name, **cls.smallest})
    state = torch.get_rng_state()
    for classes in (0, 3) if cls.conditional else (0,):
        drawn = blueprint(spec, cls.sizes[0], cls.channels[-1], classes)
        assert torch.equal(torch.get_rng_state(), state)
        built = spec.build(cls.sizes[0], cls.channels[-1], classes)
        torch.set_rng_state(state)
        for ours, theirs in (
            (drawn.generator, built.generator),
            (drawn.partner, built.partner),
        ):
            assert parameter_count(ours) == parameter_count(theirs)
            assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
            assert any(p.is_meta for p in ours.parameters())


def test_architectures_with_styles_are_known_without_a_test_on_names() -> None:
    assert "stylegan2" in style_architectures()
    assert "penn-dcgan" not in style_architectures()


def test_the_plain_list_does_not_import_torch() -> None:
    code = (
        "import sys; from animesearch.tuning.inventory import inventory, listing; "
        "listing(inventory('architectures')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", Listed)
def test_the_table_fits_a_terminal_and_cuts_no_name(what: Listed) -> None:
    rows = inventory(what.value)
    lines = shown(rows, 80)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for row in rows:
        assert f" {row['name']} " in text
        for word in row["summary"].split():
            assert word in text


def test_into_a_pipe_goes_one_line_an_entry() -> None:
    rows = inventory("architectures")
    lines = shown(rows, 10_000, terminal=False)
    assert len(lines) == 2 + len(rows)
    (dcgan,) = [line for line in lines if line.startswith(" penn-dcgan ")]
    assert dcgan.split()[:6] == ["penn-dcgan", "adversarial", "16", "32", "64", "128"]
    summaries = {line.index(row["summary"]) for line, row in zip(lines[2:], rows, strict=True)}
    assert len(summaries) == 1


def test_parameters_take_the_place_of_the_summary() -> None:
    lines = shown(inventory("architectures", parameters=True), 80)
    assert any("penn-dcgan" in line and "3.6 + 2.8 at 64 px" in line for line in lines)
    assert max(map(len, lines)) <= 80
