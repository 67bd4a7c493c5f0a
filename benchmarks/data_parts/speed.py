"""Images per second: preparing them, and an epoch over what was prepared."""

from __future__ import annotations

import hashlib
import io
import shutil
import statistics
import sys
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from data_parts import images
from data_parts.common import (
    BATCH,
    SIZE,
    Bench,
    Outcome,
    our_epoch,
    packed_set,
    prepared,
    rate,
    ray_up,
    tell,
    timed,
)

ORIGINALS: Final = 4_000
"""Images of the original size in an epoch of the peer, at most: it is slower there."""
EPOCHS: Final = 5
"""Of ours, after the first; each takes less than a second."""


def prepare_part(bench: Bench) -> Outcome:
    """JPEG files of 256 to 400 pixels in a folder, packed at 64."""
    made = images.encodings((256, 400), 85, 4.0, tell)
    source = images.write_folder(bench.folder / "source", made, bench.count, tell)
    seconds = _compared(bench, source)
    rates = {side: bench.count / took for side, took in seconds.items()}
    text = ", ".join(f"{side} {found:,.0f} images/s" for side, found in rates.items())
    numbers = {"images": bench.count, "images_per_second": rates, "seconds": seconds}
    ratio = rates["ours"] / rates["plain loop"]
    return Outcome("prepare", ratio, "times as fast", 1.3, True, text, numbers)


def getchu_part(bench: Bench) -> Outcome:
    """Seconds for an archive that is given."""
    assert bench.source is not None
    seconds = _compared(bench, bench.source)
    text = ", ".join(f"{side} {took:.2f} s" for side, took in seconds.items())
    return Outcome("getchu", seconds["ours"], "s", 20, False, text, {"seconds": seconds})


def _compared(bench: Bench, source: Path) -> dict[str, float]:
    """Median seconds of each side, in turns, after a check that they give the same images.

    ``reduced loop``: the plain loop with the one trick that Pillow has for large JPEGs, which
    this package uses too: what is left then comes of the second core.
    """
    images.read_all(source, tell)
    target = bench.folder / "plain.raw"
    seconds: dict[str, list[float]] = {"ours": [], "plain loop": [], "reduced loop": []}
    with ray_up(bench.cores):
        for _ in range(bench.repeat):
            cache = bench.cache()
            ours, packed = timed(partial(prepared, source, cache))
            for side, reduced in (("plain loop", False), ("reduced loop", True)):
                took, (names, array_NHWC) = timed(partial(_plain, source, target, reduced))
                _check_alike(packed, names, array_NHWC)
                seconds[side].append(took)
            seconds["ours"].append(ours)
            shutil.rmtree(cache)
    return {side: statistics.median(found) for side, found in seconds.items()}


def _plain(source: Path, target: Path, reduced: bool) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """The loop that one writes without a package: every file read, hashed, decoded, resized."""
    from PIL import Image

    files = _of_tar(source) if source.is_file() else _of_folder(source)
    names, hashes = next(files), []
    array = np.memmap(target, np.uint8, "w+", shape=(len(names), SIZE, SIZE, 3))
    for number, data in enumerate(files):
        hashes.append(hashlib.sha256(data).hexdigest())
        image = Image.open(io.BytesIO(data))
        if reduced:
            image.draft("RGB", (2 * SIZE, 2 * SIZE))
        array[number] = np.asarray(image.convert("RGB").resize((SIZE, SIZE)))
        tell("plain", number + 1, len(names))
    array.flush()
    return names, array


def _of_folder(source: Path) -> Iterator[Any]:
    """All names, then the bytes of each file."""
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    yield [path.relative_to(source).as_posix() for path in paths]
    for path in paths:
        yield path.read_bytes()


def _of_tar(source: Path) -> Iterator[Any]:
    """All names, then the bytes of each member."""
    with tarfile.open(source) as archive:
        members = [member for member in archive if member.isreg()]
        yield [member.name for member in members]
        for member in members:
            file = archive.extractfile(member)
            assert file is not None
            yield file.read()


def _check_alike(packed: Any, names: list[str], array_NHWC: npt.NDArray[np.uint8]) -> None:
    """Both sides did the same work: the same images, but for how a JPEG is reduced."""
    if packed.names != sorted(names):
        sys.exit(f"ours packed {packed.count:,} images, the plain loop {len(names):,}")
    order = np.argsort(names)[:: max(1, len(names) // 200)]
    ours_NCHW = packed.images_NCHW[:: max(1, len(names) // 200)].astype(np.float32)
    difference = np.abs(ours_NCHW.transpose(0, 2, 3, 1) - array_NHWC[order]).mean()
    if difference > 3:
        sys.exit(f"the images differ by {difference:.1f} levels in the mean: not comparable")


def epoch_part(bench: Bench) -> Outcome:
    """Images per second after the first epoch, when workers are up and pages are mapped.

    Ours is the median of some epochs, the peer's the best of its epochs, workers and files.
    """
    made = images.encodings((256, 400), 85, 4.0, tell)
    packed = packed_set(bench, made)
    ours = [our_epoch(packed.train_images) for _ in range(1 + EPOCHS)][1:]
    peers = {
        f"{kind}, {workers} workers": _peer_epoch(root, workers, bench.repeat)
        for kind, root in _peer_folders(bench, made, packed).items()
        for workers in (0, 1, 2)
    }
    best = max(peers, key=lambda name: peers[name])
    middle = statistics.median(ours)
    text = f"ours {middle:,.0f} images/s, ImageFolder {peers[best]:,.0f} at its best ({best})"
    numbers = {"ours": ours, "peers": peers, "images": bench.count, "batch": BATCH}
    return Outcome("epoch", middle / peers[best], "times as fast", 3, True, text, numbers)


def _peer_folders(bench: Bench, made: Sequence[bytes], packed: Any) -> dict[str, Path]:
    """Class folders as ImageFolder wants them: the packed pixels as files, and the originals."""
    from PIL import Image

    kinds = {"PNG": {}, "JPEG": {"quality": 95}}
    for number, image_CHW in enumerate(packed.images_NCHW):
        picture = Image.fromarray(image_CHW.transpose(1, 2, 0))
        for kind, options in kinds.items():
            target = bench.folder / kind / str(number % 10)
            target.mkdir(parents=True, exist_ok=True)
            picture.save(target / f"{number:07d}.{kind.lower()}", kind, **options)
        tell("peer's files", number + 1, packed.count)
    originals = min(ORIGINALS, packed.count)
    folders = {f"{SIZE} px {kind}": bench.folder / kind for kind in kinds}
    folders["originals"] = images.write_folder(bench.folder / "originals", made, originals, tell)
    for folder in folders.values():
        images.read_all(folder, tell)
    return folders


def _peer_epoch(root: Path, workers: int, repeat: int) -> float:
    """Images per second of torchvision's way, with workers that stay between epochs."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [
        transforms.Resize((SIZE, SIZE)),
        transforms.ToTensor(),
        transforms.Normalize((0.5,) * 3, (0.5,) * 3),
    ]
    folder = datasets.ImageFolder(str(root), transforms.Compose(steps))
    loader = DataLoader(
        folder, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    rates = [rate(x_BCHW for x_BCHW, _ in loader) for _ in range(1 + repeat)]
    tell(f"epoch of {root.name}, {workers} workers", len(folder), len(folder))
    return max(rates[1:])
