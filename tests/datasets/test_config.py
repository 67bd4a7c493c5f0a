"""Options: what is allowed, the shorthand of a path, and no torch, no Ray, no disk."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.sources import SOURCES


def test_the_default_is_the_embedded_faces() -> None:
    config = DatasetConfig()
    assert config.source.name == "faces"
    assert (config.mode, config.shape, config.image_bytes) == ("auto", (3, 64, 64), 12288)


def test_a_registered_name_is_a_source_and_any_other_word_a_path() -> None:
    assert DatasetConfig(source="faces").source == SOURCES.parse("faces")
    assert DatasetConfig(source="../x.tar").source == SOURCES.parse(
        {"name": "path", "path": "../x.tar"}
    )
    assert DatasetConfig(source={"name": "folder", "path": "here"}).source.name == "folder"


@pytest.mark.parametrize(
    "options",
    [
        {"size": 7}, {"size": 1025}, {"channels": 2}, {"resize": "squeeze"}, {"mode": "lazy"},
        {"background": (0, 0, 256)}, {"source": {"name": "faces", "coun": 3}}, {"source": ""},
        {"source": {"name": "faces", "count": 1}}, {"source": "a\0b"}, {"source": 3},
        {"source": {"name": "zip"}}, {"unknown": 1}, {"mode": "stream", "order": "replacement"},
        {"mode": "stream", "order": "fixed-batches"}, {"order": "single"}, {"holdout": 0.6},
        {"holdout": -0.1}, {"steps": "flat"}, {"steps": ["unknown"]}, {"steps": [3]},
    ],
)  # fmt: skip
def test_what_is_not_allowed(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DatasetConfig(**options)


def test_errors_name_the_option() -> None:
    with pytest.raises(ValidationError) as caught:
        DatasetConfig(source={"name": "faces", "coun": 3}, size=4)
    assert {error["loc"] for error in caught.value.errors()} == {("source", "coun"), ("size",)}


def test_the_configuration_survives_json() -> None:
    config = DatasetConfig(source={"name": "faces", "count": 50}, background=(1, 2, 3))
    assert DatasetConfig.model_validate_json(config.model_dump_json()) == config


def test_the_schema_knows_sources_and_paths() -> None:
    schema = json.dumps(TypeAdapter(DatasetConfig).json_schema())
    assert all(f'"{name}"' in schema for name in SOURCES.names())


def test_only_options_of_pixels_are_part_of_the_digest() -> None:
    base = DatasetConfig()
    assert base.pixel_key() == DatasetConfig(flip=True, order="sequential").pixel_key()
    assert base.pixel_key() == DatasetConfig(source="elsewhere").pixel_key()
    others = [
        {"size": 32}, {"channels": 1}, {"resize": "letterbox"}, {"background": (0, 0, 0)},
        {"steps": ["flat"]}, {"holdout": 0.1},
    ]  # fmt: skip
    assert len({base.pixel_key(), *(DatasetConfig(**o).pixel_key() for o in others)}) == 7


def test_validation_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys; from animesearch.datasets.config import DatasetConfig;"
        "DatasetConfig(source='/nowhere/at/all.tar', size=32);"
        "assert not {'torch', 'ray', 'pyarrow', 'PIL', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
