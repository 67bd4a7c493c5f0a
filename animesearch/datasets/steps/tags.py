"""Keep images by their tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from animesearch.datasets.sources.base import Item, Listing
from animesearch.datasets.steps.base import STEPS, MetadataStep, Refusal
from animesearch.errors import DataError


def plain(tag: str) -> str:
    """A tag as it is compared: small letters, ``_`` for spaces."""
    return "_".join(tag.casefold().split())


def _plain_tag(tag: str) -> str:
    if not plain(tag):
        raise ValueError(f"a tag is a word, got {tag!r}")
    return plain(tag)


Tags = tuple[Annotated[str, AfterValidator(_plain_tag)], ...]


@STEPS.register
class TagsStep(MetadataStep):
    """Keeps images with any, with all, and with none of some tags.

    Capitals do not count, and a space is as good as an underscore.  Where any-of holds for one
    family of tags and any-of for another as well, two such steps stand one after the other.
    """

    name: Literal["tags"] = "tags"
    any_of: Tags = Field((), description="tags of which a kept image carries at least one")
    all_of: Tags = Field((), description="tags that a kept image carries, every one")
    none_of: Tags = Field((), description="tags that no kept image carries")

    reasons: ClassVar[dict[str, str]] = {
        "tags-any-of": "the image carries none of the tags of which it needs one",
        "tags-all-of": "the image lacks a tag that it needs",
        "tags-none-of": "the image carries a tag that is not wanted",
    }

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.any_of or self.all_of or self.none_of):
            raise ValueError("step 'tags' needs tags: at least one of any_of, all_of, none_of")
        both = sorted({*self.any_of, *self.all_of} & {*self.none_of})
        if both:
            raise ValueError(f"tag '{both[0]}' is wanted and unwanted (none_of) at once")
        return self

    @override
    def fits(self, listing: Listing) -> None:
        """Images without any metadata cannot be told apart by tags."""
        if listing.draws or not listing.items or any(item.tags for item in listing.items):
            return
        raise DataError(
            f"step 'tags' asks for tags, but none of the {len(listing.items):,} images has any: "
            "it needs a source that reads them from metadata"
        )

    @override
    def judge(self, item: Item) -> Refusal | None:
        """See the base class."""
        tags = {plain(tag) for tag in item.tags}
        if self.any_of and tags.isdisjoint(self.any_of):
            return Refusal("tags-any-of", f"none of {_listed(self.any_of)}")
        if lacking := [tag for tag in self.all_of if tag not in tags]:
            return Refusal("tags-all-of", f"without {_listed(lacking)}")
        if unwanted := [tag for tag in self.none_of if tag in tags]:
            return Refusal("tags-none-of", f"with {_listed(unwanted)}")
        return None


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(tags)
