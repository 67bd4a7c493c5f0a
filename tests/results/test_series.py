"""Tables of losses: read whole, half and broken, and thinned."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from animesearch.results.series import Series, read_series, thin
from animesearch.trainers.steplog import StepLog


def test_what_a_trainer_writes_is_read_back(tmp_path: Path) -> None:
    rows_NC = np.array([[32.0, 1.5, math.nan], [64.0, math.nan, 0.25], [96.0, 2.0, 3.0]])
    StepLog(tmp_path / "losses.csv", ("images", "loss_d", "loss_g")).append(rows_NC)
    series = read_series(tmp_path / "losses.csv")
    assert series is not None
    assert series.columns == ("images", "loss_d", "loss_g")
    np.testing.assert_array_equal(series.rows_NC, rows_NC)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("images,loss\n32,1\n64,2\n96,")
    series = read_series(path)
    assert series is not None
    assert series.rows_NC.tolist() == [[32, 1], [64, 2]]
    path.write_text("images,loss\n3")
    series = read_series(path)
    assert series is not None
    assert series.rows_NC.shape == (0, 2)


def test_broken_lines_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("images,loss\n32,1\nwhat,is\n64,2,3\n96,4\n")
    series = read_series(path)
    assert series is not None
    assert (series.rows_NC.tolist(), series.skipped) == ([[32, 1], [96, 4]], 2)


def test_no_table_no_series(tmp_path: Path) -> None:
    assert read_series(tmp_path / "none.csv") is None
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert read_series(tmp_path / "other.csv") is None
    (tmp_path / "link.csv").symlink_to(tmp_path / "other.csv")
    assert read_series(tmp_path / "link.csv") is None
    os.mkfifo(tmp_path / "pipe.csv")
    assert read_series(tmp_path / "pipe.csv") is None


def test_few_rows_stay_as_they_are() -> None:
    series = Series(("images", "a", "b"), np.array([[1, 2, math.nan], [3, 4, math.nan]]))
    assert thin(series, 10) == {
        "images": [1, 3],
        "columns": {"a": {"mean": [2.0, 4.0]}},
        "skipped": 0,
    }


def test_many_rows_become_means_between_their_least_and_greatest() -> None:
    values_N = np.array([1.0, 3.0, math.nan, 5.0, math.nan, math.nan])
    series = Series(("images", "a"), np.stack([np.arange(6) + 10, values_N], 1))
    assert thin(series, 3) == {
        "images": [11, 13, 15],
        "columns": {
            "a": {"mean": [2.0, 5.0, None], "low": [1.0, 5.0, None], "high": [3.0, 5.0, None]}
        },
        "skipped": 0,
    }


def test_thinning_keeps_the_last_row_and_the_number_of_points() -> None:
    rows_NC = np.stack([np.arange(1, 1002), np.arange(1001.0)], 1)
    found = thin(Series(("images", "a"), rows_NC), 100)
    assert (len(found["images"]), found["images"][-1]) == (100, 1001)
    assert len(found["columns"]["a"]["mean"]) == 100
    assert found["columns"]["a"]["high"][-1] == 1000.0


def test_an_empty_table_is_empty() -> None:
    assert thin(Series(("images", "a"), np.empty((0, 2))))["images"] == []
