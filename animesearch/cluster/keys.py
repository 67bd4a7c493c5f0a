"""Keys that a section of a file may have, and the search for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from animesearch.cluster.source import Finding, Key
from animesearch.errors import did_you_mean

Keys: TypeAlias = "Mapping[str, Keys]"
"""Allowed keys and what is allowed below each; an empty mapping allows anything."""


class NodeType(NamedTuple):
    """An entry of ``available_node_types``, its ``node_config`` and where it stands."""

    key: Key
    entry: Mapping[str, Any]
    config: Mapping[str, Any]


def node_types(tree: Mapping[str, Any]) -> Iterator[NodeType]:
    """Those of a launcher file that are mappings: the schema reports the others."""
    types = tree.get("available_node_types")
    for name, entry in types.items() if isinstance(types, dict) else ():
        config = entry.get("node_config") if isinstance(entry, dict) else None
        if isinstance(config, dict):
            yield NodeType(("available_node_types", name), entry, config)


def leaves(words: str) -> dict[str, Keys]:
    """The words of ``words`` as keys below which anything is allowed."""
    return {word: {} for word in words.split()}


def unknown_keys(value: object, allowed: Keys, key: Key) -> Iterator[Finding]:
    """Keys of ``value``, at any depth and in lists, that ``allowed`` does not know."""
    if not allowed:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_keys(item, allowed, (*key, index))
    elif isinstance(value, dict):
        for word, inner in value.items():
            if word in allowed:
                yield from unknown_keys(inner, allowed[word], (*key, word))
            else:
                yield Finding((*key, word), "unknown key", did_you_mean(word, allowed))
