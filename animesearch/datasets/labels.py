"""Class labels for conditional networks: from class folders, or from one family of tags."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.kinds import LabelChoice
from animesearch.errors import DataError

if TYPE_CHECKING:
    from animesearch.datasets.packed import PackedDataset

OTHER: Final = "other"
"""The class of images that carry no tag of the family."""


@dataclass(frozen=True)
class Labels:
    """``index_N`` (int64) is the class of each image, a place in ``names``; empty names: none."""

    names: tuple[str, ...] = ()
    index_N: NDArray[np.int64] | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each class in the images; they sum to 1."""
        if self.index_N is None:
            return ()
        counts = np.bincount(self.index_N, minlength=len(self.names))
        return tuple((counts / counts.sum()).tolist())


def labels_of(packed: PackedDataset, choice: LabelChoice) -> Labels:
    """The labels of a packed set.

    ``classes``: the folder that each image lay in.  A list of tags: the first of them that an
    image carries, else :data:`OTHER`.  Raises :class:`DataError` where the set has no such
    labels, and for a single class.
    """
    if choice == "none":
        return Labels()
    words = _folders(packed) if choice == "classes" else _family(packed, choice)
    present = set(words)
    order = sorted(present) if choice == "classes" else [*choice, OTHER]
    names = tuple(name for name in order if name in present)
    if len(names) < 2:
        raise DataError(f"labels need at least 2 classes, all {packed.count} images are '{names}'")
    place = {name: number for number, name in enumerate(names)}
    return Labels(names, np.array([place[word] for word in words], np.int64))


def _folders(packed: PackedDataset) -> list[str]:
    if packed.labels is None:
        raise DataError(
            "labels: classes needs images in class folders (folder/class/image.png), "
            "read by the source 'classes' or from a tar of such folders"
        )
    return packed.labels


def _family(packed: PackedDataset, family: tuple[str, ...]) -> list[str]:
    counts = Counter(tag for tags in packed.tags for tag in set(tags))
    unknown = [tag for tag in family if not counts[tag]]
    if unknown:
        common = ", ".join(tag for tag, _ in counts.most_common(12)) or "there are no tags at all"
        raise DataError(f"no image has the tag '{unknown[0]}'; the most frequent: {common}")
    return [next((tag for tag in family if tag in tags), OTHER) for tags in packed.tags]
