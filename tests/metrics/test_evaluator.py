"""Scores of known generators: samples, protocol, floor, and what has no score."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from animesearch.errors import MetricError, NoSpreadError
from animesearch.metrics.evaluator import Evaluator, Score, protocol
from animesearch.metrics.features import FEATURES
from animesearch.metrics.images import quantise
from tests.metrics.samples import Images, real_statistics, smooth_images

SPEC = FEATURES.parse({"name": "random", "dim": 24})
REALS = smooth_images(300, 32, seed=1)
FAKES = smooth_images(400, 32, seed=2)


def evaluator(samples: int = 100, batch: int | None = None) -> Evaluator:
    return Evaluator(SPEC, real_statistics(REALS, SPEC, digest="data"), samples, batch=batch)


def drawn(images: Images) -> Callable[[int, int], Tensor]:
    return lambda start, count: torch.from_numpy(images[start : start + count].copy())


def noisy(level: float) -> Images:
    noise = np.random.default_rng(3).normal(0, level, FAKES.shape)
    return (FAKES + noise).clip(0, 255).astype(np.uint8)


def test_score_says_what_it_is() -> None:
    score = evaluator().score(drawn(FAKES))
    assert (score.metric, score.samples, score.features_ND) == ("fd-random", 100, None)
    assert score.value > 0
    assert score.seconds > 0


def test_the_same_fakes_score_the_same_for_any_batch() -> None:
    values = [evaluator(batch=batch).score(drawn(FAKES)).value for batch in (100, 33, 1)]
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)
    assert evaluator().score(drawn(FAKES)).value == evaluator().score(drawn(FAKES)).value


def test_damage_raises_the_score() -> None:
    levels = [evaluator().score(drawn(noisy(level))).value for level in (0, 20, 60, 120)]
    assert levels == sorted(levels)


def test_fresh_samples_are_others() -> None:
    scorer = evaluator()
    first, fresh = scorer.score(drawn(FAKES)), scorer.score(drawn(FAKES), start=100)
    assert first.value != fresh.value
    assert fresh.value == scorer.score(drawn(FAKES[100:])).value


def test_features_on_request() -> None:
    score = evaluator().score(drawn(FAKES), keep_features=True)
    assert score.features_ND is not None
    assert score.features_ND.shape == (100, 24)


def test_protocol_is_plain_json_and_names_every_count() -> None:
    real = evaluator().real
    found = protocol(real, 100)
    assert json.loads(json.dumps(found)) == found
    assert found["samples"] == 100
    assert found["reference"] == 300
    assert found["data"] == "data"
    assert found["metric"] == "fd-random"
    assert found["shape"] == [3, 32, 32]
    assert found["features"]["seed"] == 0
    assert found["resize"] == "bilinear-32"
    assert found != protocol(real, 99)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (drawn(np.full_like(FAKES, 9)), "same image"),
        (drawn(smooth_images(400, 32, channels=1)), "the generator gave"),
        (drawn(smooth_images(400, 64)), "the generator gave"),
        (drawn(FAKES[:50]), "were asked for"),
        (lambda start, count: torch.zeros(count, 3, 32, 32), "uint8"),
        (lambda start, count: torch.full((count, 3, 32, 32), math.nan), "uint8"),
    ],
    ids=["constant", "channels", "size", "count", "float", "nan"],
)
def test_no_number_for_what_has_none(draw: Callable[[int, int], Tensor], message: str) -> None:
    with pytest.raises(MetricError, match=message) as caught:
        evaluator().score(draw)
    assert isinstance(caught.value, NoSpreadError) is (message == "same image")


def test_images_that_no_feature_tells_apart_have_no_spread() -> None:
    """One grey level in one pixel: not the same images, but the same features to the network."""
    fakes = np.full_like(FAKES, 90)
    fakes[0, 0, 0, 0] = 91
    with pytest.raises(NoSpreadError, match="all fakes have the same features"):
        evaluator().score(drawn(fakes))


def test_too_few_samples_and_other_features() -> None:
    with pytest.raises(MetricError, match="at least 2 samples"):
        evaluator(samples=1)
    with pytest.raises(MetricError, match="the real statistics are of"):
        Evaluator(
            FEATURES.parse({"name": "random", "dim": 24, "seed": 5}),
            real_statistics(REALS, SPEC, digest="data"),
        )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_is_finite(value: float) -> None:
    with pytest.raises(MetricError) as caught:
        Score(value, "fid", 10)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_scoring_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    evaluator().score(drawn(FAKES))
    assert torch.equal(torch.get_rng_state(), before)


def test_quantise() -> None:
    x = torch.tensor([-1.2, -1.0, 0.0, 1.0, 3.0]).reshape(1, 1, 1, 5)
    assert quantise(x).flatten().tolist() == [0, 0, 128, 255, 255]
    assert quantise(x, 0.0, 1.0).flatten().tolist() == [0, 0, 0, 255, 255]
    for bad in (math.nan, math.inf):
        with pytest.raises(MetricError, match="not finite"):
            quantise(torch.full((1, 1, 2, 2), bad))


def test_a_score_knows_how_far_other_samples_would_move_it() -> None:
    scorer = evaluator(samples=50)
    scores = [scorer.score(drawn(FAKES), start=50 * part) for part in range(8)]
    spread = float(np.std([score.value for score in scores], ddof=1))
    told = float(np.mean([score.noise for score in scores if score.noise is not None]))
    assert spread / 3 < told < spread * 3
