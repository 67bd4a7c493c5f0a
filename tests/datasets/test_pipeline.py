"""The whole way from a source to packed images, with a real Ray."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from animesearch.datasets.atomic import STAGING, staging, sweep
from animesearch.datasets.batches import StreamBatches
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.decode import decode
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.pipeline import pack, prepare
from animesearch.datasets.reasons import Reason
from animesearch.datasets.stream import stream_dataset
from animesearch.errors import DataError
from animesearch.storage.cache import default_cache
from tests.datasets.pictures import png, write_folder, write_tar

pytestmark = pytest.mark.usefixtures("local_ray")

FILES = {f"{number:02d}.png": png(number, 8, 8) for number in range(20)}


def config(source: object, **options: object) -> DatasetConfig:
    if isinstance(source, Path):
        source = str(source)
    return DatasetConfig.model_validate({"source": source, "size": 8, **options})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def packed(local_ray: None, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    return prepare(config(write_folder(tmp_path_factory.mktemp("set"), FILES)), cache)


def test_pixels_names_and_order(packed: PackedDataset) -> None:
    assert packed.names == sorted(FILES)
    expected = [decode(FILES[name]).transpose(2, 0, 1) for name in packed.names]
    assert np.array_equal(packed.images_NCHW, np.stack(expected))
    assert packed.count == len(packed) == 20
    assert packed.labels is None
    assert packed.dropped == []


def test_a_folder_of_ones_own(packed: PackedDataset, tmp_path: Path) -> None:
    images, out = write_folder(tmp_path / "set", FILES), tmp_path / "out"
    entered: list[int] = []

    @contextlib.contextmanager
    def session() -> Iterator[None]:
        entered.append(1)
        yield

    calls = [pack(config(images), out, tmp_path / "cache", session=session) for _ in range(2)]
    assert [call.fresh for call in calls] == [True, False]
    assert entered == [1], "nothing is started for what is there"
    assert calls[1].packed.folder == out
    assert calls[1].packed.pixels_digest == packed.pixels_digest
    assert sorted(path.name for path in out.iterdir()) == ["images.arrow", "manifest.json"]
    assert pack(config(images, resize="letterbox"), out, tmp_path / "cache").fresh
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other things"):
        pack(config(images), out, tmp_path / "cache")


def test_the_images_are_a_read_only_view_of_the_file(packed: PackedDataset) -> None:
    assert not packed.images_NCHW.flags.writeable
    assert not packed.images_NCHW.flags.owndata
    assert packed.images_NCHW.flags.c_contiguous
    allocated = pa.total_allocated_bytes()
    again = PackedDataset.open(packed.folder)
    assert pa.total_allocated_bytes() - allocated < packed.images_NCHW.nbytes
    assert np.shares_memory(again.images_NCHW, again.images_NCHW.view())


def test_it_pickles_as_its_folder(packed: PackedDataset) -> None:
    data = pickle.dumps(packed)
    assert len(data) < 1000
    assert np.array_equal(pickle.loads(data).images_NCHW, packed.images_NCHW)


def test_the_manifest_says_what_was_done(packed: PackedDataset) -> None:
    manifest = json.loads((packed.folder / "manifest.json").read_text())
    assert (manifest["found"], manifest["count"], manifest["shape"]) == (20, 20, [3, 8, 8])
    assert manifest["options"]["resize"] == "stretch"
    assert manifest["digest"] == packed.digest
    packed.verify_pixels()


def test_place_container_and_order_do_not_change_the_digest(
    packed: PackedDataset, cache: Path, tmp_path: Path
) -> None:
    backwards = dict(reversed(FILES.items()))
    plain = prepare(config(write_tar(tmp_path / "x.tar", backwards)), cache)
    zipped = prepare(config(write_tar(tmp_path / "x.tar.gz", backwards, "w:gz")), cache)
    assert {plain.digest, zipped.digest} == {packed.digest}
    assert {plain.pixels_digest, zipped.pixels_digest} == {packed.pixels_digest}


def test_content_and_options_do_change_it(
    packed: PackedDataset, cache: Path, tmp_path: Path
) -> None:
    one_more = write_folder(tmp_path / "more", {**FILES, "99.png": png(99, 8, 8)})
    grey = write_folder(tmp_path / "grey", FILES)
    digests = {
        prepare(config(one_more), cache).digest,
        prepare(config(grey, channels=1), cache).digest,
    }
    assert len(digests | {packed.digest}) == 3


def test_a_second_call_reads_the_cache(tmp_path: Path) -> None:
    root, stages = write_folder(tmp_path / "set", FILES), []
    first = prepare(config(root), tmp_path / "cache", lambda *event: stages.append(event[0]))
    assert set(stages) == {"hash", "pack"}
    before = (first.folder / "images.arrow").stat()
    stages.clear()
    again = prepare(config(root), tmp_path / "cache", lambda *event: stages.append(event[0]))
    assert set(stages) == {"hash"}
    assert (again.folder / "images.arrow").stat().st_mtime_ns == before.st_mtime_ns


def test_names_count_for_the_cache_though_not_for_the_digest(
    packed: PackedDataset, cache: Path, tmp_path: Path
) -> None:
    renamed = {f"new-{name}": data for name, data in FILES.items()}
    other = prepare(config(write_folder(tmp_path, renamed)), cache)
    assert other.digest == packed.digest
    assert other.names == sorted(renamed)


@pytest.mark.parametrize("damage", ["cut", "manifest", "missing", "version", "count"])
def test_a_damaged_entry_is_made_again(damage: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FILES)
    folder = prepare(config(root), tmp_path / "cache").folder
    images, manifest = folder / "images.arrow", folder / "manifest.json"
    text = manifest.read_text()
    if damage == "cut":
        os.truncate(images, images.stat().st_size // 2)
    elif damage == "missing":
        images.unlink()
    elif damage == "version":
        manifest.write_text(text.replace('"pipeline": 1', '"pipeline": 0'))
    elif damage == "count":
        manifest.write_text(text.replace('"count": 20', '"count": 19'))
    else:
        manifest.write_text(text[:40])
    again = prepare(config(root), tmp_path / "cache")
    assert again.count == 20
    again.verify_pixels()
    assert sorted(p.name for p in folder.parent.iterdir()) == [folder.name]


def test_changed_pixels_on_the_disk_are_noticed(tmp_path: Path) -> None:
    packed = prepare(config(write_folder(tmp_path / "set", FILES)), tmp_path / "cache")
    images = packed.folder / "images.arrow"
    data = bytearray(images.read_bytes())
    data[data.index(packed.images_NCHW[3].tobytes()) + 5] ^= 1
    images.write_bytes(data)
    with pytest.raises(DataError, match="changed on the disk"):
        PackedDataset.open(packed.folder).verify_pixels()


def test_an_interrupted_preparation_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "pack" and done:
            raise KeyboardInterrupt

    root = write_folder(tmp_path / "set", FILES)
    with pytest.raises(KeyboardInterrupt):
        prepare(config(root), tmp_path / "cache", interrupt)
    assert list((tmp_path / "cache" / "datasets").iterdir()) == []
    assert prepare(config(root), tmp_path / "cache").count == 20


def test_what_a_killed_process_left_is_swept_and_work_in_progress_is_not(tmp_path: Path) -> None:
    dead = tmp_path / f"{STAGING}dead"
    dead.mkdir()
    dead.with_name(f"{dead.name}.lock").touch()
    with staging(tmp_path) as alive:
        sweep(tmp_path)
        assert not dead.exists()
        assert alive.is_dir()
        with alive.with_name(f"{alive.name}.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list(tmp_path.iterdir()) == []


def test_unusable_images_are_left_out_and_reported(cache: Path, tmp_path: Path) -> None:
    bad = {"00a.png": b"", "05a.txt": b"words", "07a.png": png(7)[:60], "zz.png": png(8)[:-60]}
    root = write_folder(tmp_path / "set", {**FILES, **bad})
    (root / "link.png").symlink_to(root / "00.png")
    packed = prepare(config(root), cache)
    assert packed.names == sorted(FILES)
    assert np.array_equal(packed.images_NCHW[6].transpose(1, 2, 0), decode(FILES["06.png"]))
    assert {drop.name for drop in packed.dropped} == {*bad, "link.png"}
    reasons = {drop.name: drop.reason for drop in packed.dropped}
    assert (reasons["00a.png"], reasons["05a.txt"]) == (Reason.EMPTY, Reason.NOT_AN_IMAGE)
    assert sum(packed.manifest.dropped_by_reason.values()) == 5
    assert packed.manifest.found == 25


def test_labels(cache: Path, tmp_path: Path) -> None:
    files = {f"{kind}/{n}.png": png(n, 8, 8) for kind in ("miku", "rin") for n in range(3)}
    packed = prepare(config(write_folder(tmp_path / "set", files)), cache)
    assert packed.labels == ["miku"] * 3 + ["rin"] * 3
    assert packed.manifest.labels == {"miku": 3, "rin": 3}


def test_faces(cache: Path) -> None:
    faces = {"name": "faces", "count": 150, "seed": 5}
    packed = prepare(config(faces, size=16), cache)
    assert packed.count == 150
    assert all(any(tag.endswith("_hair") for tag in tags) for tags in packed.tags)
    from animesearch.datasets.drawing.face import draw_face

    image, tags = draw_face(5, 123, 16)
    assert np.array_equal(packed.images_NCHW[123], image.transpose(2, 0, 1))
    assert packed.tags[123] == list(tags)
    grey = prepare(config(faces, size=16, channels=1), cache)
    assert grey.images_NCHW.shape == (150, 1, 16, 16)


def test_images_of_other_sizes_are_resized(cache: Path, tmp_path: Path) -> None:
    files = {f"{n}.png": png(n, 20 + n, 50) for n in range(3)}
    root = write_folder(tmp_path / "set", files)
    policies = ("stretch", "letterbox", "centre-crop")
    found = [prepare(config(root, resize=policy), cache).pixels_digest for policy in policies]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no files in folder set"),
        ({"1.png": png(1)}, "one file in folder set.*at least 2"),
        (
            {"1.png": png(1), "2.png": b"text", "3.png": b""},
            "1 of 3 files are usable.*not-an-image",
        ),
        ({"1.png": b"text", "2.png": b""}, "0 of 2 files are usable.*empty"),
    ],
)
def test_too_few_images(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", files)
    root.mkdir(exist_ok=True)
    with pytest.raises(DataError, match=message):
        prepare(config(root), tmp_path / "cache")
    assert not list(tmp_path.glob("cache/datasets/*"))


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder and no tar"):
        prepare(config(tmp_path / "nowhere"), tmp_path / "cache")


def test_a_disk_without_room_is_noticed_before_the_start(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    faces = {"name": "faces", "count": min(1_000_000, free // (3 * 1024**2) + 2)}
    stages: list[str] = []
    with pytest.raises(DataError, match=r"needs .* GB .* are free"):
        prepare(
            config(faces, size=1024), tmp_path / "cache", lambda *event: stages.append(event[0])
        )
    assert stages == []


def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")
    with pytest.raises(DataError, match="cannot be used"):
        prepare(config(write_folder(tmp_path / "set", FILES)), tmp_path / "cache")


def test_a_source_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FILES)

    def change(stage: str, done: int, total: int) -> None:
        if stage == "pack" and not done:
            (root / "03.png").write_bytes(png(77))

    with pytest.raises(DataError, match=r"'03.png' changed"):
        prepare(config(root), tmp_path / "cache", change)


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.delenv("ANIMESEARCH_CACHE", raising=False)
    assert default_cache() == Path("/somewhere/animesearch")
    monkeypatch.setenv("ANIMESEARCH_CACHE", "/else")
    assert default_cache() == Path("/else")


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable packed images"):
        PackedDataset.open(tmp_path)


def test_a_stream_shows_every_image_once_per_pass(packed: PackedDataset) -> None:
    sampler = StreamBatches(stream_dataset(packed), 5, 0, count=packed.count)
    passes = [[sampler(start + 5 * k) for k in range(4)] for start in (0, 20)]
    expected = sorted(image.tobytes() for image in packed.images_NCHW)
    orders = [[i.tobytes() for batch in batches for i in batch] for batches in passes]
    assert [sorted(order) for order in orders] == [expected, expected]
    assert orders[0] != orders[1]


@pytest.mark.slow
def test_twenty_thousand_real_faces(real_data: Path, tmp_path: Path) -> None:
    packed = prepare(config(real_data / "getchu64.tar", size=64), tmp_path / "cache")
    assert packed.images_NCHW.shape == (20_000, 3, 64, 64)
    assert len(np.unique([hash(image.tobytes()) for image in packed.images_NCHW])) == 16_065


def test_real_characters(real_data: Path, cache: Path) -> None:
    packed = prepare(config(real_data / "characters160.tar", size=32), cache)
    assert packed.count == 250
    assert packed.images_NCHW.std() > 30
