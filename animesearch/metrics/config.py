"""Options of the metric, and the choice of its feature network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from animesearch.errors import MissingWeightsError
from animesearch.metrics.features import FEATURES, FeatureSpec
from animesearch.registry import Options

Auto = Literal["auto"]


class AutoOrFeatures:
    """Pydantic annotation: the word ``auto``, or whatever :data:`FEATURES` accepts."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _parse_features,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value if isinstance(value, str) else value.model_dump(mode="json")
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        specs = [handler(spec.__pydantic_core_schema__) for spec in FEATURES]
        words = {"type": "string", "enum": ["auto", *FEATURES.names()]}
        return {"anyOf": [words, *specs]}


def _parse_features(value: object) -> Auto | FeatureSpec:
    if value == "auto" or (isinstance(value, Mapping) and dict(value) == {"name": "auto"}):
        return "auto"
    try:
        return FEATURES.parse(value)
    except PydanticCustomError as error:
        text = f"{error.message()}, auto"
        raise PydanticCustomError(error.type, "{text}", {"text": text}) from None


class MetricConfig(Options):
    """How generators are scored: the same for all trials of a search."""

    features: Annotated[Auto | FeatureSpec, AutoOrFeatures()] = Field(
        "auto",
        description="feature network, by name or with options; auto: inception on a GPU where "
        "its weights are at hand, lite0 otherwise",
    )
    samples: int = Field(
        1000, ge=2, le=1_000_000, description="fakes per score; scores compare at equal counts"
    )
    batch: int | None = Field(
        None, ge=1, le=65536, description="images per pass of the feature network; null: by device"
    )


@dataclass(frozen=True)
class Choice:
    """The feature network of a search, and one sentence that says why."""

    spec: FeatureSpec
    reason: str


def choose_features(config: MetricConfig, gpu: bool) -> Choice:
    """The feature network to use; weights are found (or fetched) here, before any work.

    ``auto`` takes Inception on a GPU where its weights are there or can be fetched, and lite0
    otherwise.  Features that were asked for are never replaced: :class:`MissingWeightsError`.
    """
    if not isinstance(config.features, str):
        config.features.ensure()
        asked = config.features
        return Choice(asked, f"The metric is {asked.metric_name}: {asked.name} was asked for.")
    lite0 = FEATURES.get("lite0").model_validate({})
    if not gpu:
        lite0.ensure()
        return Choice(lite0, _lite0_reason("on a CPU Inception takes 15 to 60 times as long"))
    inception = FEATURES.get("inception").model_validate({})
    try:
        inception.ensure()
    except MissingWeightsError as error:
        lite0.ensure()
        return Choice(lite0, _lite0_reason(f"no Inception ({_first_sentence(error)})"))
    return Choice(inception, "The metric is fid: a GPU and the Inception weights are at hand.")


def _lite0_reason(why: str) -> str:
    return f"The metric is fd-lite0: {why}."


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ", 1)[0]
