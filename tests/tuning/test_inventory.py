"""What ``animesearch list`` shows."""

from __future__ import annotations

import json

import pytest

from animesearch.cli import Listed
from animesearch.tuning.inventory import inventory


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
    assert "progan" in {row["name"].removesuffix(".yaml") for row in inventory("spaces")}
