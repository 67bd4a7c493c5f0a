"""Keys that a section of a file may have, and the search for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from animesearch.cluster.source import Finding, Key
from animesearch.errors import did_you_mean

Keys: TypeAlias = "Mapping[str, Keys]"
"""Allowed keys and what is allowed below each; an empty mapping allows anything."""


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
