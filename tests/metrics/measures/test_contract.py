"""What every registered measure must do; new ones join by themselves."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from animesearch.errors import MetricError, UnsupportedError
from animesearch.metrics.measures import MEASURES, Side, measure_all, promised
from tests.metrics.measures.samples import normal, parse, side

NAMES = MEASURES.names()


def test_all_are_registered() -> None:
    assert NAMES == [
        "density-coverage",
        "frechet",
        "frechet-infinity",
        "inception-score",
        "kid",
        "nearest",
        "precision-recall",
        "vendi",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("held", [None, side(30, seed=3)], ids=["", "held-out"])
def test_gives_what_it_declares_and_the_same_twice(name: str, held: Side | None) -> None:
    spec = parse(name)
    found = spec.measure(side(60), side(50, seed=1), held)
    assert tuple(found) == spec.given(held is not None)
    assert all(type(value) is float and math.isfinite(value) for value in found.values())
    assert spec.measure(side(60), side(50, seed=1), held) == found


@pytest.mark.parametrize("name", NAMES)
def test_leaves_the_features_as_they_are(name: str) -> None:
    real, fake = side(60), side(50, seed=1)
    parse(name).measure(real, fake, side(30, seed=3))
    assert np.array_equal(real.features_ND, side(60).features_ND)
    assert np.array_equal(fake.features_ND, side(50, seed=1).features_ND)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_needs(name: str) -> None:
    spec, real, fake = parse(name), side(60), side(50, seed=1)
    if spec.needs_real:
        with pytest.raises(UnsupportedError, match="real images"):
            spec.measure(None, fake)
    else:
        assert spec.measure(None, fake) == spec.measure(real, fake)
    bare = Side(fake.features_ND)
    if spec.needs_logits:
        with pytest.raises(UnsupportedError, match="logits"):
            spec.measure(real, bare)
    else:
        assert spec.measure(Side(real.features_ND), bare) == spec.measure(real, fake)


@pytest.mark.parametrize("name", NAMES)
def test_declares_its_source_and_its_values(name: str) -> None:
    spec = MEASURES.get(name)
    assert spec.source
    assert all(value.meaning for value in spec.values.values())
    assert not any("-" in word for word in spec.values)


@pytest.mark.parametrize("name", NAMES)
def test_options_survive_json_and_unknown_ones_are_refused(name: str) -> None:
    spec = parse(name)
    assert MEASURES.parse(spec.model_dump(mode="json")) == spec
    with pytest.raises(ValidationError, match="extra_forbidden"):
        parse(name, unheard_of=1)


@pytest.mark.parametrize("name", NAMES)
def test_one_image_or_other_dimensions_are_errors(name: str) -> None:
    spec = parse(name)
    with pytest.raises(MetricError, match="at least 2 generated"):
        spec.measure(side(60), side(1))
    if spec.needs_real:
        with pytest.raises(MetricError, match="at least 2 real"):
            spec.measure(side(1), side(60))
        with pytest.raises(MetricError, match="real images have 8 features, the generated 9"):
            spec.measure(side(60), side(50, dim=9))
    with pytest.raises(MetricError, match="held-out images have 7 features"):
        spec.measure(side(60), side(50), side(30, dim=7))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_errors(bad: float) -> None:
    broken_ND = normal(50)
    broken_ND[7, 3] = bad
    with pytest.raises(MetricError, match="1 of 50 images have features that are not finite"):
        Side(broken_ND)
    with pytest.raises(MetricError, match="1 of 50 images have logits that are not finite"):
        Side(normal(50), broken_ND)


def test_other_shapes_are_errors() -> None:
    with pytest.raises(MetricError, match=r"\(count, dimensions\)"):
        Side(normal(50)[0])
    with pytest.raises(MetricError, match=r"\(count, dimensions\)"):
        Side(normal(50)[:0])
    with pytest.raises(MetricError, match="50 images have features and 49 logits"):
        Side(normal(50), normal(49))


def test_all_measures_in_one_dictionary() -> None:
    specs = [parse(name) for name in NAMES]
    real, fake, held = side(60), side(50, seed=1), side(30, seed=3)
    found = measure_all(specs, real, fake, held)
    assert tuple(found) == tuple(promised(specs, held=True))
    assert len(found) == sum(len(spec.values) for spec in specs)
    assert {"nearest_z"} <= set(found) - set(measure_all(specs, real, fake))


def test_two_measures_of_one_name_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="two measures give 'kid'"):
        measure_all([parse("kid"), parse("kid", seed=1)], side(60), side(50))


def test_what_a_side_keeps_changes_nothing() -> None:
    real, fake = side(60), side(50, seed=1)
    for name in [*NAMES, *reversed(NAMES)]:
        assert parse(name).measure(real, fake) == parse(name).measure(side(60), side(50, seed=1))


def test_radii_of_any_k_whatever_was_asked_before() -> None:
    given = side(60)
    for k in (3, 9, 1, 59):
        assert np.array_equal(given.radii(k), side(60).radii(k))
    assert (given.radii(1) < given.radii(59)).all()


@pytest.mark.parametrize(
    "spec",
    [
        parse("density-coverage"),
        parse("frechet"),
        parse("inception-score", splits=1),
        parse("kid", size=1000),
        parse("nearest"),
        parse("precision-recall"),
        parse("vendi"),
    ],
    ids=lambda spec: spec.name,
)
def test_the_order_of_the_images_does_not_matter(spec: object) -> None:
    assert isinstance(spec, tuple(MEASURES))
    real, fake, held = side(50), side(50, seed=1), side(30, seed=3)
    found = spec.measure(real, fake, held)
    turned = spec.measure(_shuffled(real), _shuffled(fake), _shuffled(held))
    assert turned == pytest.approx(found, rel=1e-9, abs=1e-12)


def _shuffled(given: Side) -> Side:
    order_N = np.random.default_rng(5).permutation(len(given))
    assert given.logits_NK is not None
    return Side(given.features_ND[order_N], given.logits_NK[order_N])


def test_validation_needs_no_numbers() -> None:
    code = (
        "import sys; from animesearch.metrics.measures import MEASURES;"
        "[MEASURES.parse(name) for name in MEASURES.names()];"
        "assert not {'torch', 'ray', 'numpy', 'scipy', 'PIL'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
