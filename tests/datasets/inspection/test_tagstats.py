"""Tags counted, against the definition."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets.inspection import tagstats
from animesearch.datasets.inspection.tagstats import tag_statistics
from animesearch.datasets.sources.base import Item
from animesearch.datasets.steps.tags import TagsStep

words = st.sampled_from(["a", "b", "c", "d", "e f", "E_F", "", " ", "\ud800", "\n"])
images = st.lists(st.lists(words, max_size=5).map(tuple), max_size=25)


@settings(max_examples=60, deadline=None)
@given(images, st.integers(1, 7), st.integers(1, 6))
def test_counts_and_pairs_are_those_of_the_definition(
    tags: list[tuple[str, ...]], part: int, paired: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tagstats, "PART", part)
        patch.setattr(tagstats, "PAIRED", paired)
        found = tag_statistics(tags)
    plain = [{word for tag in image if (word := _plain(tag))} for image in tags]
    if found is None:
        assert not any(plain)
        return
    every = {word for image in plain for word in image}
    counts = {word: sum(word in image for image in plain) for word in every}
    assert found.counts == counts
    assert [*found.counts] == sorted(counts, key=lambda word: (-counts[word], word))
    assert (found.different, found.tagged) == (len(every), sum(map(bool, plain)))
    assert found.tagged + found.untagged == len(tags)
    common = [*found.counts][:paired]
    both = {
        frozenset(pair): count
        for pair in combinations(common, 2)
        if (count := sum({*pair} <= image for image in plain))
    }
    assert {frozenset((pair.first, pair.second)): pair.count for pair in found.pairs} == both
    assert [pair.count for pair in found.pairs] == sorted(both.values(), reverse=True)
    for pair in found.pairs:
        one, other = counts[pair.first], counts[pair.second]
        assert pair.lift == pytest.approx(pair.count * len(tags) / one / other, abs=1e-4)
        assert pair.jaccard == pytest.approx(pair.count / (one + other - pair.count), abs=1e-4)


def _plain(tag: str) -> str:
    return "_".join(tag.casefold().split()).replace("\ud800", "\\ud800")


def test_the_words_are_those_that_the_step_takes() -> None:
    tags = [("Long Hair", "1girl"), ("long_hair",), ("LONG  HAIR", "solo")]
    found = tag_statistics(tags)
    assert found is not None
    assert found.counts == {"long_hair": 3, "1girl": 1, "solo": 1}
    for tag, count in found.counts.items():
        step = TagsStep(any_of=(tag,))
        assert sum(step.judge(Item("", "", tags=image)) is None for image in tags) == count


def test_many_tags_are_told_though_only_few_are_paired() -> None:
    found = tag_statistics([(f"tag{n}", f"tag{n + 1}") for n in range(1000)])
    assert found is not None
    assert (len(found.counts), found.paired, len(found.pairs)) == (1001, 200, 40)


def test_no_tags_no_statistics() -> None:
    assert tag_statistics([]) is None
    assert tag_statistics([(), ()]) is None
