"""Sources far away: Arrow's file systems, real servers of S3 and Google, and no secrets."""

from __future__ import annotations

import io
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from pydantic import ValidationError

from animesearch.datasets.annotate import annotated_folder
from animesearch.datasets.archive import list_tar, read_tar
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.memory import FileMemory
from animesearch.datasets.parquet import list_parquet, read_parquet
from animesearch.datasets.parquetcolumns import Wanted
from animesearch.datasets.places import check_place
from animesearch.datasets.reasons import Reason
from animesearch.datasets.remote import SMALL_BYTES, RemoteTree, _Ranges
from animesearch.datasets.sniff import file_kind, folder_kind
from animesearch.datasets.sources import SOURCES, Item, Listing
from animesearch.datasets.tree import LocalTree, Tree, ahead
from animesearch.datasets.walk import MAX_DEPTH, hashed, read_files
from animesearch.datasets.zipped import list_zip, read_zip
from animesearch.errors import DataError
from animesearch.storage.faults import told
from animesearch.storage.places import SCHEMES
from animesearch.storage.systems import open_system
from tests.datasets.containers import images_table, write_parquet, write_zip
from tests.datasets.pictures import png, silent, write_folder, write_tar
from tests.storage.google import Gcs
from tests.storage.servers import Served

CLASSES = {f"{kind}/{number}.png": png(number) for number in range(3) for kind in ("a", "b")}
SECRET = "wJalrXUtnFEMI"


def far(path: Path, pauses_s: tuple[float, ...] = (0.0, 0.0)) -> RemoteTree:
    """The same files through one of Arrow's file systems, rooted where they lie."""
    system = pafs.SubTreeFileSystem(str(path.parent), pafs.LocalFileSystem())
    return RemoteTree(system, path.name, f"s3://bucket/{path.name}", pauses_s)


def _folder(tree: Tree, memory: FileMemory) -> tuple[list[Item], list[bytes | None]]:
    found = tree.walk()
    items = sorted(hashed(tree, found.files, found, memory, silent), key=lambda item: item.name)
    return items, [data for _, data in read_files(tree, items)]


def _tar(tree: Tree, memory: FileMemory) -> tuple[list[Item], list[bytes | None]]:
    items = list_tar(tree, memory, silent).items
    return items, [data for _, data in read_tar(tree, items)]


def _zip(tree: Tree, memory: FileMemory) -> tuple[list[Item], list[bytes | None]]:
    items = list_zip(tree, memory, silent).items
    return items, [data for _, data in read_zip(tree, items)]


def _parquet(tree: Tree, memory: FileMemory) -> tuple[list[Item], list[bytes | None]]:
    items = list(list_parquet(tree, Wanted(), memory, silent).items)
    return items, [data for _, data in read_parquet(tree, Wanted(), items)]


def _write_folder(path: Path) -> Path:
    return write_folder(path, {**CLASSES, "a/ä ö.png": png(7), "empty": b""})


def _write_parquet(path: Path) -> Path:
    write_parquet(path / "x/1.parquet", images_table([*CLASSES.values()], [*CLASSES]))
    return write_folder(path, {"README": b"words"})


WAYS: dict[str, tuple[Callable[[Path], Path], Callable[..., object]]] = {
    "folder": (_write_folder, _folder),
    "tar": (lambda path: write_tar(path, CLASSES), _tar),
    "tar.gz": (lambda path: write_tar(path, CLASSES, "w:gz"), _tar),
    "zip": (lambda path: write_zip(path, CLASSES), _zip),
    "parquet": (_write_parquet, _parquet),
}


@pytest.mark.parametrize("way", WAYS)
def test_far_files_are_listed_and_read_as_near_ones(way: str, tmp_path: Path) -> None:
    write, read = WAYS[way]
    path = write(tmp_path / "set")
    near = read(LocalTree(path), FileMemory(tmp_path / "near"))
    assert read(far(path), FileMemory(tmp_path / "far")) == near
    assert len(near[0]) >= len(CLASSES)  # type: ignore[index]


def test_kinds_are_found_far_away(tmp_path: Path) -> None:
    tar, folder = write_tar(tmp_path / "x", CLASSES), write_folder(tmp_path / "y", CLASSES)
    assert far(tar).kind() == "file"
    assert file_kind(far(tar)) == "tar"
    assert far(folder).kind() == "folder"
    assert folder_kind(far(folder)) == "classes"
    assert far(tmp_path / "none").kind() == "missing"


def test_tags_far_away(tmp_path: Path) -> None:
    lines = b'{"file": "a/1.png", "tags": ["solo"]}\n'
    root = write_folder(
        tmp_path / "set", {**CLASSES, "b/2.json": b'{"tags": "x"}', "tags.jsonl": lines}
    )
    memory = FileMemory(tmp_path / "seen")
    listing = annotated_folder(far(root), "auto", "auto", memory, silent)
    assert {item.name: item.tags for item in listing.items if item.tags} == {
        "a/1.png": ("solo",), "b/2.png": ("x",)
    }  # fmt: skip
    assert {item.label for item in listing.items} == {"a", "b"}


def test_deep_nesting_ends_far_away(tmp_path: Path) -> None:
    deep = "/".join(["d"] * (MAX_DEPTH + 1))
    root = write_folder(tmp_path / "set", {"1.png": png(1), f"{deep}/x.png": png(2)})
    found = far(root).walk()
    assert [entry.path for entry in found.files] == [b"1.png"]
    assert [drop.reason for drop in found.refused] == [Reason.TOO_DEEP]


def test_a_far_file_is_a_file_of_python(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "x").write_bytes(data)
    with far(tmp_path / "x").open() as file:
        assert file.read(5) == data[:5]
        assert file.seek(-7, io.SEEK_END) == len(data) - 7
        assert file.read() == data[-7:]
        assert file.seek(1_500_000) == 1_500_000
        assert file.read(1_200_000) == data[1_500_000:]
        assert file.seek(3_000_000) == 3_000_000
        assert file.read(1) == b""
    assert far(tmp_path / "x").read(b"") == data


class _Failing:
    """Fails as often as it is told to."""

    def __init__(self, times: int, fault: Exception) -> None:
        self.calls = 0
        self._times = times
        self._fault = fault

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise self._fault
        return "fine"


def test_what_fails_in_passing_is_tried_again(tmp_path: Path) -> None:
    call = _Failing(2, OSError("AWS Error SLOW_DOWN during GetObject operation"))
    assert far(tmp_path).patiently(call) == "fine"
    assert call.calls == 3
    with pytest.raises(OSError, match="SLOW_DOWN"):
        far(tmp_path).patiently(_Failing(3, OSError("SLOW_DOWN")))


@pytest.mark.parametrize(
    "fault",
    [FileNotFoundError("x"), PermissionError("x"), OSError("AWS Error ACCESS_DENIED during x")],
)
def test_what_fails_for_good_is_not_tried_again(fault: OSError, tmp_path: Path) -> None:
    call = _Failing(9, fault)
    with pytest.raises(type(fault)):
        far(tmp_path).patiently(call)
    assert call.calls == 1


def test_secrets_of_the_environment_stand_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "abc")
    text = told(OSError(f"denied\nfor {SECRET} of abc"))
    assert text == "denied for *** of abc"


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://key:{SECRET}@bucket/x", f"s3://{SECRET}@bucket/x", f"gs://me:{SECRET}@bucket/x",
        f"abfs://:{SECRET}@account.blob.core.windows.net/x", f"S3://key:{SECRET}@bucket/x",
        f"s3://bucket/x?secret_key={SECRET}", f"s3://bucket/x?region=eu&access_key={SECRET}",
        f"abfs://c@a.dfs.core.windows.net/x?sig={SECRET}", f"hdfs://me:{SECRET}@host:8020/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [name for name in SOURCES.names() if name != "faces"])
def test_uris_with_secrets_are_refused_and_not_repeated(name: str, uri: str) -> None:
    for source in (uri, {"name": name, "path": uri}):
        with pytest.raises(DataError) as refused:
            DatasetConfig.model_validate({"source": source})
        assert SECRET not in str(refused.value)
        assert "URI" in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket", "s3://bucket/a/b.tar?region=eu-west-1&endpoint_override=localhost:9000",
        "gs://anonymous@bucket/x", "abfs://container@account.dfs.core.windows.net/x",
        "hdfs://me@host:8020/x", "/plain/path", "C:/windows", "a b/c#d",
    ],
)  # fmt: skip
def test_places_that_pass(uri: str) -> None:
    assert check_place(uri) == uri


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "a set", CLASSES)
    spec = SOURCES.parse({"name": "path", "path": root.as_uri()}).located()
    assert spec.model_dump() == {"name": "classes", "path": str(root)}


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("ftp://host/x", f"'ftp' are not read; allowed: {', '.join(SCHEMES)}"),
        ("https://host/x.tar", "'https' are not read"),
        ("s3://bucket/x#1", "%23"),
        ("file://host/x", "absolute path"),
        ("s3://[bucket/x", "not a URI"),
    ],
)
def test_uris_that_cannot_be_opened(uri: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DatasetConfig.model_validate({"source": uri})


def test_results_come_in_order_and_few_wait() -> None:
    started: list[int] = []

    def double(number: int) -> int:
        started.append(number)
        return 2 * number

    results = ahead(double, range(100), workers=3)
    assert [next(results) for _ in range(4)] == [0, 2, 4, 6]
    assert len(started) <= 4 + 2 * 3
    assert list(results) == [2 * number for number in range(4, 100)]


def upload(path: Path, uri: str) -> None:
    """A folder or a file, to a place in a bucket."""
    system, there = open_system(uri)
    pafs.copy_files(
        str(path), there, source_filesystem=pafs.LocalFileSystem(), destination_filesystem=system
    )


def _listed(place: str, tmp: Path) -> tuple[str, Listing, dict[str, bytes | None]]:
    spec = SOURCES.parse({"name": "path", "path": place}).located()
    listing = spec.listing(FileMemory(tmp / "seen"), silent)
    assert SECRET not in repr(spec) + spec.describe() + repr(listing)
    worker = pickle.loads(pickle.dumps(spec))
    read = {item.name: data for item, data in worker.read(listing.items, 8)}
    return spec.name, listing, read


LINES = b'{"file": "a/1.png", "tags": ["solo"]}\n'
KINDS: dict[str, Callable[[Path], Path]] = {
    "folder": lambda path: write_folder(path, {n.replace("/", "-"): d for n, d in CLASSES.items()}),
    "classes": lambda path: write_folder(path, CLASSES),
    "metadata": lambda path: write_folder(path, {**CLASSES, "tags.jsonl": LINES}),
    "tar": lambda path: write_tar(path, CLASSES),
    "zip": lambda path: write_zip(path, CLASSES),
    "parquet": _write_parquet,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_in_a_bucket(kind: str, place: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / f"some-{kind}")
    upload(path, f"{place}/{path.name}")
    name, near, near_read = _listed(str(path), tmp_path)
    far_name, listing, read = _listed(f"{place}/{path.name}", tmp_path)
    assert far_name == name == kind
    assert listing == near
    assert read == near_read


def test_a_bucket_says_what_is_missing(bucket: Served) -> None:
    for place in (bucket.url("nothing"), f"{bucket.scheme}://no-such-bucket/x"):
        for name in ("path", "folder", "tar"):
            with pytest.raises(DataError, match=place):
                SOURCES.parse({"name": name, "path": place}).located()


def test_a_large_file_of_google_is_read_by_ranges(gcs: Gcs) -> None:
    """Of a small one there are no ranges; the store is away for a moment in the midst."""
    data = bytes(range(256)) * (SMALL_BYTES // 256) + b"end"
    system, there = open_system(gcs.url("large"))
    with system.open_output_stream(there) as stream:
        stream.write(data)
    tree = RemoteTree(system, there, gcs.url("large"), pauses_s=(0.1,) * 50)
    with tree.open() as file:
        assert file.read(5) == data[:5]
        with away(gcs):
            file.seek(-5, io.SEEK_END)
            assert file.read() == data[-5:]
    raw = system.open_input_file(there)
    with away(gcs), _Ranges(tree, raw) as ranges:
        assert ranges.read(5) == data[:5]


@contextmanager
def away(served: Served) -> Iterator[None]:
    """Until it has failed a request."""
    before = served.proxy.failed
    served.proxy.fail("refuse")

    def back() -> None:
        deadline = time.monotonic() + 30
        while served.proxy.failed == before and time.monotonic() < deadline:
            time.sleep(0.01)
        served.proxy.fail("pass")

    waiting = threading.Thread(target=back)
    waiting.start()
    yield
    waiting.join()
    assert served.proxy.failed > before
