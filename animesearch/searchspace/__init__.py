"""Space files: YAML to typed models, and to a space that can be sampled.

This package knows neither the trainers nor the samplers: the model of a file is an argument of
:func:`load_space`, whoever draws values implements :class:`Suggest`.
"""

from animesearch.searchspace.catalogue import ShippedSpace, list_spaces
from animesearch.searchspace.distributions import (
    Choice,
    Distribution,
    Integer,
    Normal,
    Option,
    Parameter,
    Params,
    Suggest,
    Uniform,
)
from animesearch.searchspace.schema import json_schema
from animesearch.searchspace.space import Sampled, Space, load_space, parse_space
from animesearch.searchspace.wording import Scalar

__all__ = [
    "Choice",
    "Distribution",
    "Integer",
    "Normal",
    "Option",
    "Parameter",
    "Params",
    "Sampled",
    "Scalar",
    "ShippedSpace",
    "Space",
    "Suggest",
    "Uniform",
    "json_schema",
    "list_spaces",
    "load_space",
    "parse_space",
]
