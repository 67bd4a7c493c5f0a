"""Hostile files through every source that carries files, and through the whole pipeline."""

from __future__ import annotations

import faulthandler
import functools
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from animesearch.datasets.blocks import item_blocks, pack_block
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.contents import ArchiveBombError
from animesearch.datasets.decode import INFLATE_BYTES, decode
from animesearch.datasets.manifest import cache_key, content_digest
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.pipeline import prepare
from animesearch.datasets.reasons import Dropped, Reason, meaning
from animesearch.datasets.sources import SOURCES, Listing
from animesearch.datasets.writer import PackWriter
from animesearch.errors import DataError
from tests.datasets.containers import images_table, write_parquet
from tests.datasets.hostile import EDGE, add_entries, doubtful, good, harmless, oddly_named, plainly
from tests.datasets.lying import ARCHIVE, Lie, lying_tars, lying_zips
from tests.datasets.malformed import malformed
from tests.datasets.malformed_png import END, LINK, Reasons, chunk, header, png_of
from tests.datasets.pictures import add_member, noise, png, silent, write_folder, write_tar
from tests.datasets.test_remote import upload

LIMIT_S = 120
pytestmark = pytest.mark.timeout(LIMIT_S)

RAW = "\udcff\udcfe.png"
"""A name that is no UTF-8, as Python shows it; manifests have it as ``\\xff\\xfe.png``."""
NO_CLASS = frozenset({Reason.NO_CLASS})
METADATA = frozenset({"metadata-malformed", "image-without-metadata"})


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """What holds the interpreter itself, where no time limit is heard, ends the run."""
    faulthandler.dump_traceback_later(2 * LIMIT_S, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


@functools.cache
def whole() -> dict[str, tuple[bytes, bytes]]:
    """Files that must be kept, each with one that Pillow alone gives the same pixels of."""
    plain = {**good(), **oddly_named()}
    return {**{name: (data, data) for name, data in plain.items()}, **harmless()}


@functools.cache
def files() -> dict[str, bytes]:
    """Everything that lies in a place, in an order that mixes it."""
    found = {
        **{name: data for name, (data, _) in whole().items()},
        **doubtful(),
        **{name: case.data for name, case in malformed().items()},
    }
    return dict(sorted(found.items(), key=lambda entry: entry[0][::-1]))


class Laid(NamedTuple):
    """Where the files lie, what they are called there, and what is refused beside them."""

    path: Path
    names: dict[str, str]
    refused: dict[str, Reasons]


def _same(found: Mapping[str, bytes]) -> dict[str, str]:
    raw = {name: name.encode("utf-8", "surrogateescape") for name in found}
    return {name: told.decode("utf-8", "backslashreplace") for name, told in raw.items()}


def _folder(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    return Laid(write_folder(tmp / "set", found), _same(found), {})


def _classes(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    names = {name: f"{'ab'[place % 2]}/{name}" for place, name in enumerate(found)}
    root = write_folder(tmp / "set", {names[name]: data for name, data in found.items()})
    (root / "stray.png").write_bytes(png(96))
    return Laid(root, names, {"stray.png": NO_CLASS})


def _metadata(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    root = write_folder(tmp / "set", found)
    named = [name for name in found if "\\" not in name]
    lines = [json.dumps({"file": name, "tags": ["solo"]}).encode() for name in named]
    hostile = [b"[" * 100_000, b'{"file": 3, "tags": {"a": {"b": {}}}}', b"\xff\0", b"x" * 2**21]
    (root / "tags.jsonl").write_bytes(b"\n".join([*lines[:9], *hostile, *lines[9:]]))
    with (root / "good-00.json").open("wb") as beside:
        beside.truncate(300 << 30)
    return Laid(root, _same(found), {"tags.jsonl": METADATA, "*.json": METADATA})


def _tar(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    path = write_tar(tmp / "set.tar", found)
    reasons = {"link.png": "link", "hard.png": "link", "pipe": "not-a-file", "../up": "unsafe-path"}
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.REGTYPE)
    with tarfile.open(path, "a") as tar:
        for name, kind in zip(reasons, kinds, strict=True):
            add_member(tar, name, b"", kind)
    return Laid(path, _same(found), {name: frozenset({code}) for name, code in reasons.items()})


def _tar_gz(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    return Laid(write_tar(tmp / "set.tar.gz", found, "w:gz"), _same(found), {})


def _zip(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
    with zipfile.ZipFile(tmp / "set.zip", "w") as archive:
        for place, (name, data) in enumerate(found.items()):
            archive.writestr(name, data, methods[place % 3])
        archive.writestr("../up.png", png(95))
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    refused = {"../up.png": frozenset({Reason.UNSAFE_PATH}), "link.png": LINK}
    return Laid(tmp / "set.zip", _same(found), refused)


def _bytes(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    table = pa.table({"image": pa.array([*found.values(), None], pa.binary())})
    path = write_parquet(tmp / "set.parquet", table, row_group_size=50)
    rows = {name: f"set.parquet#{place:03d}" for place, name in enumerate(found)}
    return Laid(path, rows, {f"set.parquet#{len(found)}": frozenset({Reason.EMPTY})})


def _struct(tmp: Path, found: Mapping[str, bytes]) -> Laid:
    table = images_table([*found.values()], [*found])
    path = write_parquet(tmp / "set.parquet", table, row_group_size=50)
    return Laid(path, _same(found), {})


Way = Callable[[Path, Mapping[str, bytes]], Laid]
CARRIERS: dict[str, tuple[Way, ...]] = {
    "folder": (_folder,), "classes": (_classes,), "metadata": (_metadata,), "path": (_folder,),
    "tar": (_tar, _tar_gz), "zip": (_zip,), "parquet": (_bytes, _struct),
}  # fmt: skip
RAW_NAMES = (_folder, _tar, _tar_gz)
"""They keep the bytes of names."""
PIXELS = {"faces": "draws its images", "prepared": "holds what was decoded before"}
"""Sources that carry no files, and why."""
WAYS = [
    (name, way) for name in SOURCES.names() if name not in PIXELS for way in CARRIERS.get(name, ())
]


def test_there_are_enough_of_them() -> None:
    contents = {case.data for case in malformed().values()}
    assert len(contents) >= 200
    assert len(whole()) >= 20
    assert not malformed().keys() & (whole().keys() | doubtful().keys())


def test_every_source_that_carries_files_is_tried() -> None:
    for name in SOURCES.names():
        assert name in PIXELS or name in CARRIERS, (
            f"source '{name}' carries files: say in CARRIERS how they are laid out for it"
        )


@pytest.mark.parametrize(("name", "way"), WAYS, ids=lambda part: getattr(part, "__name__", part))
def test_every_malformed_file_is_left_out_with_its_reason(
    name: str, way: Way, local_ray: None, tmp_path: Path
) -> None:
    found = {**files(), RAW: png(93, EDGE, EDGE)} if way in RAW_NAMES else files()
    laid = way(tmp_path, found)
    if laid.path.is_dir():
        strays = NO_CLASS if way is _classes else frozenset()
        entries = add_entries(laid.path)
        laid.refused.update({entry: reasons | strays for entry, reasons in entries.items()})
    source = {"name": name, "path": laid.path.as_uri() if name == "path" else str(laid.path)}
    config = DatasetConfig.model_validate({"source": source, "size": EDGE})
    try:
        check(prepare(config, tmp_path / "cache"), laid, found)
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)


def check(packed: PackedDataset, laid: Laid, found: Mapping[str, bytes]) -> None:
    """Nothing is lost, nothing is kept that is malformed, and each pixel of the rest is right."""
    names = {laid.names[name]: name for name in found}
    dropped: dict[str, list[str]] = {}
    for drop in packed.dropped:
        dropped.setdefault(drop.name, []).append(drop.reason)
        assert meaning(drop.reason)
    assert packed.manifest.found == packed.count + len(packed.dropped)
    for name, case in malformed().items():
        if name in found:
            reasons = dropped.pop(laid.names[name], [])
            assert len(reasons) == 1, (name, reasons)
            assert reasons[0] in case.reasons, (name, reasons)
    kept = dict(zip(packed.names, packed.images_NCHW, strict=True))
    for told, pixels in kept.items():
        name = names.pop(told)
        if name not in doubtful():
            twin = whole()[name][1] if name in whole() else found[name]
            assert np.array_equal(pixels.transpose(1, 2, 0), plainly(twin)), name
    left = {name for name in names.values() if name in whole() or name == RAW}
    assert not left, f"good images are missing: {left}"
    check_refused(dropped, laid, {laid.names[name] for name in doubtful() if name in found})


def check_refused(dropped: dict[str, list[str]], laid: Laid, doubtful: set[str]) -> None:
    """What stands beside the files is refused as it should be, and nothing else is."""
    told = {name: reasons for name, reasons in dropped.items() if name not in doubtful}
    for start, reasons in laid.refused.items():
        ours = [name for name in told if name == start or name.startswith(f"{start}/")]
        assert ours, f"nothing is said of {start}"
        for name in ours:
            assert set(told.pop(name)) <= reasons, name
    assert not told


def packed_here(config: DatasetConfig, folder: Path) -> PackedDataset:
    """What ``prepare`` does, without Ray: its workers have not the environment of the bucket."""
    config = config.model_copy(update={"source": config.source.located()})
    listing = config.source.listing(FileMemory(folder.parent / "seen"), silent)
    folder.mkdir()
    with PackWriter(config, listing, folder) as writer:
        for block in item_blocks(listing, config.image_bytes, cpus=1):
            for table in pack_block(block, config):
                writer.add(table)
        writer.finish(content_digest(config, listing), cache_key(config, listing)).save(folder)
    return PackedDataset.open(folder)


@pytest.mark.parametrize("way", [_folder, _tar, _zip, _struct], ids=lambda w: w.__name__)
def test_far_away_too(way: Way, place: str, tmp_path: Path) -> None:
    chosen = [*good(), *harmless(), *sorted(malformed())[::4], "huge-bomb.png"]
    found = {name: files()[name] for name in chosen}
    laid = way(tmp_path, found)
    upload(laid.path, place)
    names = {_folder: "folder", _tar: "tar", _zip: "zip", _struct: "parquet"}
    source = {"name": names[way], "path": place}
    config = DatasetConfig.model_validate({"source": source, "size": EDGE})
    check(packed_here(config, tmp_path / "packed"), laid, found)


def listed(data: bytes, name: str, tmp: Path) -> Listing:
    (tmp / ARCHIVE).write_bytes(data)
    spec = SOURCES.parse({"name": name, "path": str(tmp / ARCHIVE)}).located()
    listing = spec.listing(FileMemory(tmp / "seen"), silent)
    read = {item.name: data for item, data in spec.read(listing.items, EDGE)}
    assert None not in read.values()
    return listing


def check_lie(lie: Lie, data: bytes, name: str, tmp: Path) -> None:
    listing = listed(data, name, tmp)
    assert {item.name for item in listing.items} == lie.kept
    assert {drop.name: drop.reason for drop in listing.refused} == lie.refused


@pytest.mark.parametrize("lie", lying_tars())
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_tar_that_lies(pack: Callable[[bytes], bytes], lie: str, tmp_path: Path) -> None:
    found = lying_tars()[lie]
    check_lie(found, pack(found.data), "tar", tmp_path)


@pytest.mark.parametrize("lie", lying_zips())
def test_a_zip_that_lies(lie: str, tmp_path: Path) -> None:
    check_lie(lying_zips()[lie], lying_zips()[lie].data, "zip", tmp_path)


def test_a_table_of_far_more_rows_than_bytes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": pa.nulls(2_000_000, pa.binary())}), buffer)
    with pytest.raises(ArchiveBombError, match="2,000,000 rows"):
        listed(buffer.getvalue(), "parquet", tmp_path)


@pytest.mark.parametrize("name", CARRIERS)
def test_a_place_that_is_no_file_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for place in ("pipe", "loop", "zeros"):
        with pytest.raises(DataError):
            SOURCES.parse({"name": name, "path": str(tmp_path / place)}).located()


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def rows_of(pixels: np.ndarray, interlaced: bool) -> list[bytes]:
    """The rows of a PNG, each behind the number of its filter, which is none."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    parts = [pixels[top::down, left::across] for left, top, across, down in passes]
    return [b"\0" + row.tobytes() for part in parts if part.size for row in part]


def decoded(width: int, height: int, interlaced: bool, rows: list[bytes]) -> object:
    head = chunk(b"IHDR", header(width, height, 8, 2, 0, 0, int(interlaced)))
    return decode(png_of(head, chunk(b"IDAT", zlib.compress(b"".join(rows))), END))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 8, 9, 17])
@pytest.mark.parametrize("width", [1, 2, 5, 16])
def test_black_rows_of_a_png_are_told_from_missing_ones(
    width: int, height: int, interlaced: bool
) -> None:
    pixels = noise(width, height, width, 3).reshape(height, width, 3)
    pixels[height // 2 :] = 0
    rows = rows_of(pixels, interlaced)
    assert np.array_equal(decoded(width, height, interlaced, rows), pixels)
    missing = decoded(width, height, interlaced, rows[:-1])
    assert isinstance(missing, Dropped)
    assert missing.reason == Reason.TRUNCATED or len(rows) == 1


@pytest.mark.parametrize("more", [1, 9, 64, 70, 1000, 9000])
def test_black_rows_are_counted_to_the_last(more: int) -> None:
    """However the pieces that they are inflated in end."""
    height = INFLATE_BYTES // 4 + more
    rows = [bytes(4)] * height
    assert isinstance(decoded(1, height, False, rows), np.ndarray)
    assert isinstance(decoded(1, height, False, rows[:-1]), Dropped)


WITHIN = """
import sys
from pathlib import Path
from animesearch.datasets.decode import MAX_PIXELS, decode_image
from animesearch.datasets.reasons import Dropped
from animesearch.datasets.resize import resize
from tests.datasets.malformed import huge, largest

refused = [decode_image(case.data, at_least=64) for case in huge().values()]
assert all(isinstance(image, Dropped) for image in refused)
for name, data in largest().items():
    image = decode_image(data, at_least=64)
    assert image.width * image.height == MAX_PIXELS, name
    assert resize(image, 64, "stretch", (0, 0, 0)).size == (64, 64)
    del image
# Not ru_maxrss: it outlives exec, so it would be the peak of the tests' own process.
status = Path("/proc/self/status").read_text()
sys.stdout.write(status.partition("VmHWM:")[2].split()[0])
"""


def test_memory_stays_bounded_by_the_largest_image_that_is_decoded() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WITHIN]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 1.5 * 2**30
