"""When and how far a network grows."""

from __future__ import annotations

import pytest

from animesearch.trainers.growth import GrowthSchedule, Stage

SCHEDULE = GrowthSchedule(first=1, last=3, growth=0.5, fade=0.5, alpha=0.2)


@pytest.mark.parametrize(
    ("images", "stage"),
    [
        # Two steps and the last fade fill 500 of 1000 images: 200 a step, 100 of fade.
        (0, Stage(1, 1.0)),
        (199, Stage(1, 1.0)),
        (200, Stage(2, 0.2)),
        (250, Stage(2, 0.6)),
        (300, Stage(2, 1.0)),
        (399, Stage(2, 1.0)),
        (400, Stage(3, 0.2)),
        (450, Stage(3, 0.6)),
        (500, Stage(3, 1.0)),
        (1000, Stage(3, 1.0)),
    ],
)
def test_stages(images: int, stage: Stage) -> None:
    at = SCHEDULE.at(images, 1000)
    assert at.doublings == stage.doublings
    assert at.alpha == pytest.approx(stage.alpha)


def test_growth_depends_on_the_share_of_the_budget_only() -> None:
    for images in range(0, 1000, 37):
        short, long = SCHEDULE.at(images, 1000), SCHEDULE.at(images * 8, 8000)
        assert short.doublings == long.doublings
        assert short.alpha == pytest.approx(long.alpha)


def test_no_growth_and_no_fade() -> None:
    assert GrowthSchedule(1, 3, growth=0.0, fade=0.5, alpha=0.2).at(0, 100) == Stage(3, 1.0)
    sudden = GrowthSchedule(1, 3, growth=0.5, fade=0.0, alpha=0.2)
    assert {sudden.at(images, 100).alpha for images in range(100)} == {1.0}
    assert sudden.at(50, 100) == Stage(3, 1.0)
    assert GrowthSchedule(1, 1, growth=0.5, fade=0.5, alpha=0.2).at(0, 100) == Stage(1, 1.0)
