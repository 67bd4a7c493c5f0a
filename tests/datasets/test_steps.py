"""Cleaning steps: a contract for each, and what they have in common."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.reasons import CODE, MEANINGS, Reason, declare, meaning
from animesearch.datasets.sources.base import Item, Listing
from animesearch.datasets.steps import STEPS, ImageStep, MetadataStep, Refusal, SetStep, StepSpec
from animesearch.datasets.steps.base import StepRegistry
from animesearch.errors import DataError, UnsupportedError
from tests.datasets.pictures import noise

SMALLEST: dict[str, dict[str, object]] = {"tags": {"any_of": ["1girl"]}}
"""Options without which a step means nothing."""

SIZES = [(1, 1), (1, 700), (700, 1), (2, 3), (16, 16), (40, 9), (200, 100)]


def parsed(name: str, **options: object) -> StepSpec:
    return STEPS.parse({"name": name, **SMALLEST.get(name, {}), **options})


def pictures() -> list[Image.Image]:
    """Noise, black, white and half-black images of all shapes."""
    found = []
    for width, height in SIZES:
        random = noise(width * height, height, width)
        half = random.copy()
        half[: height // 2] = 0
        arrays = (random, half, np.zeros_like(random), np.full_like(random, 255))
        found += [Image.fromarray(array) for array in arrays]
    return found


def usable(step: StepSpec) -> StepSpec:
    try:
        step.available()
    except UnsupportedError as missing:
        pytest.skip(str(missing))
    return step


@pytest.mark.parametrize("name", STEPS.names())
def test_every_step_is_of_one_kind_and_says_what_it_does(name: str) -> None:
    step = parsed(name)
    assert sum(isinstance(step, kind) for kind in (MetadataStep, ImageStep, SetStep)) == 1
    assert STEPS.parse(step.model_dump(mode="json")) == step
    assert pickle.loads(pickle.dumps(step)) == step
    assert step.reasons
    for code, text in step.reasons.items():
        assert CODE.fullmatch(code)
        assert meaning(code) == text
        assert code not in set(Reason)
    described = type(step).model_json_schema()["properties"].items()
    assert all(key == "name" or option.get("description") for key, option in described)


@pytest.mark.parametrize("name", STEPS.names())
def test_every_step_refuses_what_it_does_not_know(name: str) -> None:
    with pytest.raises(ValidationError, match="nonsense"):
        parsed(name, nonsense=1)


@pytest.mark.parametrize("name", STEPS.names())
def test_every_step_takes_any_image_and_depends_on_it_alone(name: str) -> None:
    step = usable(parsed(name))
    for image in pictures():
        before = image.tobytes()
        if isinstance(step, ImageStep):
            result = step.apply(image)
            again = step.apply(image.copy())
            if isinstance(result, Refusal):
                assert result.reason in step.reasons
                assert result == again
            else:
                assert not isinstance(again, Refusal)
                assert (result.mode, min(result.size) >= 1) == ("RGB", True)
                assert result.tobytes() == again.tobytes()
        elif isinstance(step, SetStep):
            found = step.fingerprint(image)
            assert len(found) == step.width
            assert found == step.fingerprint(image.copy())
        assert image.tobytes() == before


@pytest.mark.parametrize("name", [n for n in STEPS.names() if issubclass(STEPS.get(n), SetStep)])
def test_every_step_over_the_set_keeps_the_first_of_equals(name: str) -> None:
    step = parsed(name)
    assert isinstance(step, SetStep)
    images = [Image.fromarray(noise(seed, 64, 64)) for seed in (1, 2, 1, 3, 2, 1)]
    prints = np.array([np.frombuffer(step.fingerprint(image), np.uint8) for image in images])
    refusals = step.judge(prints, list("abcdef"))
    assert {place: refusal.detail for place, refusal in refusals.items()} == {
        2: "a", 4: "b", 5: "a",
    }  # fmt: skip
    assert {refusal.reason for refusal in refusals.values()} <= set(step.reasons)
    assert step.judge(prints[:0], []) == {}


def test_validation_imports_nothing_heavy() -> None:
    code = (
        "import sys; from animesearch.datasets.config import DatasetConfig;"
        "from animesearch.datasets.steps import STEPS; from animesearch.datasets.reasons import *;"
        "DatasetConfig(steps=[{'name': 'tags', 'none_of': ['x']},"
        " *(n for n in STEPS.names() if n != 'tags')]);"
        "meaning('blurred');"
        "bad = {'torch', 'ray', 'pyarrow', 'PIL', 'numpy', 'animeface'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_codes_have_one_meaning_each() -> None:
    assert all(meaning(reason) == MEANINGS[reason] for reason in Reason)
    assert "not loaded" in meaning("a-code-of-nobody")
    declare({"too-small": meaning("too-small")})
    for clash in ({"too-small": "other"}, {"empty": "other"}, {"No Code": "x"}, {"x": " "}):
        with pytest.raises(ValueError, match=r"already|code|meaning"):
            declare(clash)


def test_a_step_of_a_plug_in_brings_its_reasons() -> None:
    registry = StepRegistry("cleaning step", StepSpec)

    @registry.register
    class Dark(ImageStep):
        """Drops dark images."""

        name: Literal["dark"] = "dark"
        reasons: ClassVar[dict[str, str]] = {"test-too-dark": "nothing is to be seen"}

        def apply(self, image: Image.Image) -> Image.Image | Refusal:
            return Refusal("test-too-dark") if not image.getbbox() else image

    assert registry.parse("dark").component_name() == "dark"
    assert meaning("test-too-dark") == "nothing is to be seen"


def test_steps_stand_in_a_configuration_in_their_order() -> None:
    steps = ["small", {"name": "tags", "all_of": ["Long Hair"]}, "small", "exact-duplicates"]
    config = DatasetConfig.model_validate({"steps": steps})
    assert [step.name for step in config.steps] == ["small", "tags", "small", "exact-duplicates"]
    assert DatasetConfig.model_validate_json(config.model_dump_json()) == config
    schema = json.dumps(TypeAdapter(DatasetConfig).json_schema())
    assert all(f'"{name}"' in schema for name in STEPS.names())


def test_errors_name_the_step_and_the_option() -> None:
    steps = ["small", {"name": "small", "least": 0}, "smal", {"name": "bars", "kind": 1}, "tags"]
    with pytest.raises(ValidationError) as caught:
        DatasetConfig.model_validate({"steps": steps})
    errors = {error["loc"]: error["msg"] for error in caught.value.errors()}
    assert set(errors) == {
        ("steps", 1, "least"), ("steps", 2), ("steps", 3, "kind"), ("steps", 4),
    }  # fmt: skip
    assert "did you mean 'small'" in errors[("steps", 2)]
    assert "any_of" in errors[("steps", 4)]


def test_a_field_of_one_step_reads_as_the_registry_does() -> None:
    adapter = TypeAdapter(Annotated[StepSpec, STEPS.field()])
    assert adapter.validate_python("flat") == STEPS.parse("flat")


def item(*tags: str, name: str = "x.png") -> Item:
    return Item(name, "00" * 32, tags=tags)


@pytest.mark.parametrize(
    ("options", "kept", "dropped"),
    [
        ({"any_of": ["1girl", "solo"]}, [("1girl",), ("x", "solo")], [(), ("2girls",)]),
        ({"all_of": ["a", "b"]}, [("a", "b", "c")], [("a",), ("b",), ()]),
        ({"none_of": ["blue_eyes"]}, [("red_eyes",), ()], [("blue_eyes", "x"), ("Blue eyes",)]),
        ({"all_of": ["blonde hair"]}, [("Blonde_Hair",)], [("blonde_haired",)]),
        ({"any_of": ["a", "b"], "none_of": ["c"]}, [("a",), ("b", "x")], [("a", "c"), ("c",)]),
    ],
)
def test_tags(
    options: dict[str, object], kept: list[tuple[str, ...]], dropped: list[tuple[str, ...]]
) -> None:
    step = STEPS.parse({"name": "tags", **options})
    assert isinstance(step, MetadataStep)
    assert [tags for tags in kept if step.judge(item(*tags)) is not None] == []
    verdicts = [step.judge(item(*tags)) for tags in dropped]
    assert all(verdict is not None and verdict.reason in step.reasons for verdict in verdicts)


def test_tags_say_which_condition_failed() -> None:
    options = {"name": "tags", "any_of": ["a"], "all_of": ["b", "c"], "none_of": ["d"]}
    step = STEPS.parse(options)
    assert isinstance(step, MetadataStep)
    found = [step.judge(item(*tags)) for tags in (["x"], ["a", "c"], ["a", "b", "c", "d"])]
    assert [(f.reason, f.detail) for f in found if f] == [
        ("tags-any-of", "none of a"), ("tags-all-of", "without b"), ("tags-none-of", "with d"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{}, {"any_of": []}, {"any_of": [" "]}, {"all_of": ["A b"], "none_of": ["a_B"]}, {"any_of": 3}],
)
def test_tags_that_say_nothing(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        STEPS.parse({"name": "tags", **options})


def test_tags_need_a_source_that_has_some() -> None:
    step = STEPS.parse({"name": "tags", "none_of": ["x"]})
    with pytest.raises(DataError, match="none of the 2 images has any"):
        step.fits(Listing.of([item(name="a"), item(name="b")]))
    step.fits(Listing.of([item(name="a"), item("x", name="b")]))
    step.fits(Listing((item(name="a"),), draws=True))
