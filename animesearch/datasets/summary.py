"""What was made of a source, in a few lines for people.  Pure."""

from __future__ import annotations

from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.reasons import meaning

LONGEST = 12
"""Labels that are listed one by one."""


def summary(packed: PackedDataset) -> list[str]:
    """Counts, reasons, split, labels and digests of a packed set."""
    manifest = packed.manifest
    channels, size, _ = manifest.shape
    kind = "grey" if channels == 1 else "RGB"
    amount = packed.images_NCHW.nbytes / 1e6
    resize = manifest.options.get("resize", "")
    return [
        f"{manifest.count:,} of {manifest.found:,} images kept from {manifest.source}: "
        f"{size} px, {kind}, {resize} with antialiasing, {amount:,.0f} MB",
        *_left_out(manifest.dropped_by_reason),
        *_split(packed),
        *_labels(manifest.labels),
        f"digest of the content: {manifest.digest}",
        f"digest of the pixels:  {manifest.pixels_digest}",
    ]


def _left_out(counts: dict[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"left out: {count:,} {code} ({meaning(code)})" for code, count in ordered]


def _split(packed: PackedDataset) -> list[str]:
    held = packed.manifest.heldout
    return [f"split: {packed.train_count:,} for training, {held:,} held out"] if held else []


def _labels(counts: dict[str, int]) -> list[str]:
    if not counts:
        return []
    shown = [f"{name!r} {count:,}" for name, count in [*counts.items()][:LONGEST]]
    more = f" and {len(counts) - LONGEST:,} more" if len(counts) > LONGEST else ""
    return [f"labels: {', '.join(shown)}{more}"]
