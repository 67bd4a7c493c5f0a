"""Steps one after the other, over blocks in any order, and the whole way through Ray."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pydantic import Field

from animesearch.datasets.blocks import item_blocks, pack_block
from animesearch.datasets.cleaning import Fingerprints, clean, column_name, unread
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.manifest import Manifest, cache_key, content_digest
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.pipeline import prepare
from animesearch.datasets.sources.base import Item, Listing, Payload, SourceSpec
from animesearch.datasets.split import held_out
from animesearch.datasets.steps import STEPS, Refusal, SetStep
from animesearch.datasets.stream import stream_dataset
from animesearch.datasets.writer import PackWriter
from animesearch.errors import DataError
from tests.datasets.pictures import encoded, noise, png, silent, write_folder


class Held(SourceSpec):
    """Images in memory, with tags and labels; counts what is read."""

    name: str = "held"
    files: dict[str, bytes]
    tags: dict[str, tuple[str, ...]]
    read_names: ClassVar[list[str]] = []

    def describe(self) -> str:
        return "images in memory"

    def listing(self, memory: object, progress: object) -> Listing:
        return Listing.of(
            Item(name, hashlib.sha256(data).hexdigest(), len(data), tags=self.tags.get(name, ()))
            for name, data in self.files.items()
        )

    def read(self, items: Sequence[Item], size: int) -> Iterator[tuple[Item, Payload]]:
        for item in items:
            self.read_names.append(item.name)
            yield item, self.files[item.name]


def config(
    files: dict[str, bytes],
    steps: Sequence[object] = (),
    tags: dict[str, tuple[str, ...]] | None = None,
    **options: object,
) -> DatasetConfig:
    source = Held(files=files, tags=tags or {})
    return DatasetConfig.model_validate({"source": source, "steps": steps, "size": 8, **options})


def pack(config: DatasetConfig, folder: Path, seed: int = 0) -> PackedDataset:
    """As ``prepare``, without Ray: in blocks of any size that arrive in any order."""
    lot = random.Random(seed)
    listing = config.source.listing(None, silent)  # type: ignore[arg-type]
    left, dropped = unread(config.steps, listing)
    items = list(left.items)
    lot.shuffle(items)
    folder.mkdir(exist_ok=True)
    with PackWriter(config, listing, folder, dropped) as writer:
        while items:
            size = lot.randint(1, 5)
            part = Listing(tuple(items[:size]))
            del items[:size]
            for block in item_blocks(part, config.image_bytes, 1):
                for table in pack_block(block, config):
                    writer.add(table)
        writer.judge()
        writer.check_usable(2)
        digests = content_digest(config, listing), cache_key(config, listing)
        writer.finish(*digests).save(folder)
    return PackedDataset.open(folder)


def why(packed: PackedDataset) -> dict[str, tuple[str, str]]:
    return {drop.name: (drop.reason, drop.detail) for drop in packed.dropped}


FLAT = encoded(Image.new("RGB", (20, 20), "white"))
PLAIN = {f"{n:02d}": png(n, 20, 20) for n in range(6)}


def test_steps_act_in_the_order_of_the_file(tmp_path: Path) -> None:
    files = {**PLAIN, "06": FLAT, "07": encoded(Image.new("RGB", (20, 90), "white"))}
    first = pack(config(files, ["flat", "aspect"]), tmp_path / "1")
    second = pack(config(files, ["aspect", "flat"]), tmp_path / "2")
    assert [why(first)[name][0] for name in ("06", "07")] == ["flat", "flat"]
    assert [why(second)[name][0] for name in ("06", "07")] == ["flat", "odd-aspect"]
    assert first.manifest.dropped_by_reason == {"flat": 2}
    assert second.names == first.names == sorted(PLAIN)


def letterboxed(seed: int, above: int) -> bytes:
    inner = noise(seed, 40, 40)
    return encoded(Image.fromarray(np.pad(inner, ((above, above), (0, 0), (0, 0)))))


def test_a_step_sees_what_the_steps_before_have_made_of_an_image(tmp_path: Path) -> None:
    """Two letterboxings of one picture are equal once the bars are off."""
    files = {**PLAIN, "10": letterboxed(50, 5), "11": letterboxed(50, 9)}
    crop = {"name": "bars", "action": "crop"}
    before = pack(config(files, ["exact-duplicates", crop]), tmp_path / "1")
    after = pack(config(files, [crop, "exact-duplicates"]), tmp_path / "2")
    assert why(before) == {}
    assert why(after) == {"11": ("exact-duplicate", "10")}
    assert np.array_equal(before.images_NCHW[-1], before.images_NCHW[-2])


def test_an_image_that_a_later_step_drops_stands_for_its_copies(tmp_path: Path) -> None:
    files = {**PLAIN, "08": FLAT, "09": FLAT}
    later = pack(config(files, ["exact-duplicates", "flat"]), tmp_path / "1")
    earlier = pack(config(files, ["flat", "exact-duplicates"]), tmp_path / "2")
    assert why(later)["09"] == ("exact-duplicate", "08")
    assert why(later)["08"][0] == "flat"
    assert [why(earlier)[name][0] for name in ("08", "09")] == ["flat", "flat"]


def test_a_later_tag_does_not_keep_an_image_from_standing_for_its_copies(tmp_path: Path) -> None:
    files = {**PLAIN, "08": png(8), "09": png(8)}
    tags = dict.fromkeys((*PLAIN, "09"), ("girl",))
    step = {"name": "tags", "all_of": ["girl"]}
    later = pack(config(files, ["exact-duplicates", step], tags), tmp_path / "1")
    earlier = pack(config(files, [step, "exact-duplicates"], tags), tmp_path / "2")
    assert why(later) == {
        "08": ("tags-all-of", "without girl"), "09": ("exact-duplicate", "08"),
    }  # fmt: skip
    assert why(earlier) == {"08": ("tags-all-of", "without girl")}
    assert earlier.names[-1] == "09"


def test_one_step_over_the_set_after_another(tmp_path: Path) -> None:
    original = Image.fromarray(draw_face(0, 1, 64)[0])
    soft = original.resize((60, 60))
    files = {**PLAIN, "10": encoded(original), "11": encoded(original), "12": encoded(soft)}
    packed = pack(config(files, ["exact-duplicates", "near-duplicates"]), tmp_path)
    assert why(packed) == {"11": ("exact-duplicate", "10"), "12": ("near-duplicate", "10")}


class Witness(SetStep):
    """Drops the last image that it sees, and notes all of them."""

    name: str = "witness"
    seen: list[str] = Field(default_factory=list)
    width: ClassVar[int] = 1

    def fingerprint(self, image: Image.Image) -> bytes:
        return bytes([image.width])

    def judge(self, prints_NW: np.ndarray, names: Sequence[str]) -> dict[int, Refusal]:
        self.seen.extend(f"{name} {size}" for name, (size,) in zip(names, prints_NW, strict=True))
        return {len(names) - 1: Refusal("exact-duplicate", "witnessed")}


def test_a_step_over_the_set_sees_what_is_left_at_its_place() -> None:
    steps = [Witness(), STEPS.parse({"name": "small", "least": 5}), Witness(), Witness()]
    prints = Fingerprints(steps, 4)
    for index, size in ((2, 8), (0, 6), (3, 9), (1, 4)):
        cleaned = clean(Item(str(index), ""), Image.new("RGB", (size, size)), steps)
        columns = {
            column_name(place): pa.array([cleaned.prints.get(place)], pa.binary(1))
            for place in (0, 2, 3)
        }
        prints.add(np.array([index]), pa.table(columns))
    verdicts = [(index, place) for index, place, _ in prints.verdicts(list("abcd"))]
    assert verdicts == [(3, 0), (2, 2), (0, 3)]
    assert [step.seen for step in steps if isinstance(step, Witness)] == [
        ["a 6", "b 4", "c 8", "d 9"], ["a 6", "c 8"], ["a 6"],
    ]  # fmt: skip


def test_what_metadata_rules_out_first_is_not_read(tmp_path: Path) -> None:
    tags = {name: ("a", "b") if int(name) % 2 else ("a",) for name in PLAIN}
    both = [{"name": "tags", "any_of": ["a", "x"]}, {"name": "tags", "all_of": ["B"]}]
    Held.read_names.clear()
    packed = pack(config(PLAIN, [*both, "flat"], tags), tmp_path / "1")
    assert packed.names == sorted(Held.read_names) == ["01", "03", "05"]
    assert packed.tags == [["a", "b"]] * 3
    assert {reason for reason, _ in why(packed).values()} == {"tags-all-of"}
    Held.read_names.clear()
    again = pack(config(PLAIN, ["flat", *both], tags), tmp_path / "2")
    assert (again.names, len(Held.read_names)) == (packed.names, 6)


def test_everything_ruled_out_says_why(tmp_path: Path) -> None:
    tags = dict.fromkeys(PLAIN, ("a",))
    step = {"name": "tags", "all_of": ["nobody has it"]}
    message = r"0 of 6 files are usable.*lacks a tag that it needs \(tags-all-of\)"
    with pytest.raises(DataError, match=message):
        pack(config(PLAIN, [step], tags), tmp_path)


CROWD_STEPS = ["exact-duplicates", {"name": "near-duplicates", "radius": 12, "detail": 90}, "flat"]


@pytest.fixture(scope="module")
def crowd() -> dict[str, bytes]:
    """Originals and copies, exact, near and useless, mixed up by name."""
    files = {}
    for index in range(12):
        image = Image.fromarray(draw_face(0, index, 48)[0])
        files[f"{index}-b"] = encoded(image)
        files[f"{index}-a"] = encoded(image.resize((44, 44)), "JPEG", quality=80)
        files[f"{index}-c"] = encoded(image, "BMP")
    return {**files, "x": FLAT, "y": FLAT, "z": b"words"}


def outcome(packed: PackedDataset) -> tuple[object, ...]:
    return (packed.names, packed.pixels_digest, packed.digest, why(packed), packed.train_count)


def test_the_result_does_not_depend_on_the_parallelism(
    crowd: dict[str, bytes], tmp_path: Path
) -> None:
    options = config(crowd, CROWD_STEPS, holdout=0.3)
    found = [outcome(pack(options, tmp_path / str(seed), seed)) for seed in range(5)]
    assert all(other == found[0] for other in found)
    reasons = found[0][3]
    assert isinstance(reasons, dict)
    assert {reason for reason, _ in reasons.values()} == {
        "exact-duplicate", "near-duplicate", "flat", "not-an-image",
    }  # fmt: skip
    assert reasons["y"] == ("exact-duplicate", "x")
    assert sum(reason == "exact-duplicate" for reason, _ in reasons.values()) == 13


def test_pixels_are_those_of_a_set_without_the_dropped(
    crowd: dict[str, bytes], tmp_path: Path
) -> None:
    """At a size at which JPEGs are decoded whole without steps too."""
    cleaned = pack(config(crowd, CROWD_STEPS, size=32, holdout=0.4), tmp_path / "1")
    alone = {name: crowd[name] for name in cleaned.names}
    plain = pack(config(alone, size=32), tmp_path / "2")
    index = [plain.names.index(name) for name in cleaned.names]
    assert 0 < cleaned.train_count < cleaned.count == plain.count
    assert np.array_equal(cleaned.images_NCHW, plain.images_NCHW[index])
    cleaned.verify_pixels()


def test_grey_networks_get_grey_images_and_steps_see_colours(tmp_path: Path) -> None:
    files = {**PLAIN, "10": encoded(Image.fromarray(noise(3, 20, 20)).convert("L"))}
    options = config(files, ["grey"], channels=1)
    packed = pack(options, tmp_path / "1")
    assert why(packed)["10"][0] == "grey"
    plain = pack(config(PLAIN, channels=1), tmp_path / "2")
    assert packed.pixels_digest == plain.pixels_digest


def test_a_large_jpeg_is_judged_at_its_full_size(tmp_path: Path) -> None:
    """Without steps it would be decoded at a fraction of it."""
    large = {f"1{n}": encoded(Image.fromarray(noise(n, 400, 400)), "JPEG") for n in range(2)}
    packed = pack(config({**PLAIN, **large}, [{"name": "small", "least": 300}]), tmp_path)
    assert packed.names == sorted(large)


def digest(options: DatasetConfig) -> str:
    return content_digest(options, options.source.listing(None, silent))  # type: ignore[arg-type]


def test_the_digest_without_steps_is_what_it_was() -> None:
    """So that results of before stay comparable: another digest needs another pipeline version."""
    assert DatasetConfig().pixel_key().hex() == (
        "c7d2807e3a9a4d18da5a54000d62a7f5fef5fdb924836d0a2d33e96eff113ea1"
    )


def test_the_digest_follows_the_steps_and_their_options() -> None:
    lists: list[list[object]] = [
        [], ["flat"], ["blur"], ["flat", "blur"], ["blur", "flat"], ["flat", "flat"],
        [{"name": "flat", "least": 6}], ["near-duplicates"],
        [{"name": "near-duplicates", "radius": 3}],
        [{"name": "tags", "any_of": ["a"]}], [{"name": "tags", "all_of": ["a"]}],
    ]  # fmt: skip
    digests = [digest(config(PLAIN, steps)) for steps in lists]
    digests += [digest(config(PLAIN, holdout=share)) for share in (0.1, 0.2)]
    assert len(set(digests)) == len(digests)
    assert digest(config(PLAIN, ["flat"])) == digest(config(PLAIN, [{"name": "flat", "least": 5}]))


@pytest.mark.parametrize("steps", [[], ["flat"], ["near-duplicates"]])
def test_the_digest_does_not_follow_the_order_of_the_files(steps: list[object]) -> None:
    renamed = {f"set/{name}.png": data for name, data in reversed(PLAIN.items())}
    assert digest(config(renamed, steps)) == digest(config(PLAIN, steps))


def test_names_that_change_who_is_first_change_the_digest_of_sets() -> None:
    """Another image of a group may be kept then, and one digest stands for one result."""
    turned = dict(zip(PLAIN, reversed(PLAIN.values()), strict=True))
    assert digest(config(turned, ["flat"])) == digest(config(PLAIN, ["flat"]))
    assert digest(config(turned, ["near-duplicates"])) != digest(config(PLAIN, ["near-duplicates"]))


def test_tags_count_in_the_digest_in_any_order() -> None:
    one, other = {"00": ("a", "b")}, {"00": ("b", "a")}
    assert digest(config(PLAIN, tags=one)) == digest(config(PLAIN, tags=other))
    assert len({digest(config(PLAIN, tags=tags)) for tags in (one, {}, {"00": ("a",)})}) == 3


def test_tags_count_for_the_cache() -> None:
    options = [config(PLAIN, tags=tags) for tags in ({}, {"00": ("a",)}, {"01": ("a",)})]
    listings = [each.source.listing(None, silent) for each in options]  # type: ignore[arg-type]
    keys = [cache_key(each, found) for each, found in zip(options, listings, strict=True)]
    assert len(set(keys)) == 3


def test_a_step_that_does_not_fit_is_an_error_before_anything_is_packed(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", {f"{name}.png": data for name, data in PLAIN.items()})
    options = {"source": str(root), "steps": [{"name": "tags", "none_of": ["x"]}]}
    with pytest.raises(DataError, match="'tags' asks for tags"):
        prepare(DatasetConfig.model_validate(options), tmp_path / "cache")
    assert not list(tmp_path.glob("cache/datasets/*"))


def test_a_share_is_held_out_by_content_alone(tmp_path: Path) -> None:
    files = {f"{n:03d}": png(n, 8, 8) for n in range(200)}
    packed = pack(config(files, holdout=0.25), tmp_path / "1")
    assert 30 <= packed.manifest.heldout <= 70
    assert packed.count == 200
    train, held = packed.names[: packed.train_count], packed.names[packed.train_count :]
    assert (train, held) == (sorted(train), sorted(held))
    assert len(packed.train_images) == packed.train_count
    assert len(packed.heldout_images) == len(held) == packed.manifest.heldout
    some = {f"new-{999 - int(name)}": files[name] for name in [*train[:20], *held[:5]]}
    other = pack(config(some, holdout=0.25), tmp_path / "2")
    assert set(other.names[other.train_count :]) == {f"new-{999 - int(n)}" for n in held[:5]}
    plain = pack(config(files), tmp_path / "3")
    index = [plain.names.index(name) for name in packed.names]
    assert np.array_equal(packed.images_NCHW, plain.images_NCHW[index])
    assert len(plain.heldout_images) == 0
    packed.verify_pixels()


def test_more_held_out_means_those_and_others() -> None:
    items = [Item(str(n), f"{n:064x}") for n in range(2000)]
    shares = [held_out(items, share) for share in (0.0, 0.1, 0.3, 0.5)]
    assert [round(share.mean(), 1) for share in shares] == [0.0, 0.1, 0.3, 0.5]
    assert all(np.all(more[less]) for less, more in itertools.pairwise(shares))


def test_a_held_out_part_that_comes_out_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 are held out"):
        pack(config(PLAIN, holdout=1e-9), tmp_path)


def test_an_old_manifest_holds_nothing_out(tmp_path: Path) -> None:
    packed = pack(config(PLAIN), tmp_path)
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('\n "heldout":0,', ""))
    assert Manifest.load(packed.folder).heldout == 0


@pytest.mark.usefixtures("local_ray")
def test_the_whole_way(crowd: dict[str, bytes], tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", crowd)
    stages: list[tuple[str, int, int]] = []
    options = {"source": str(root), "size": 8, "steps": CROWD_STEPS, "holdout": 0.3}
    space = DatasetConfig.model_validate(options)
    packed = prepare(space, tmp_path / "cache", lambda *event: stages.append(event))
    assert outcome(packed) == outcome(
        pack(config(crowd, CROWD_STEPS, holdout=0.3), tmp_path / "plain")
    )
    manifest = packed.manifest
    assert manifest.found == len(crowd) == manifest.count + len(manifest.dropped)
    assert sum(manifest.dropped_by_reason.values()) == len(manifest.dropped)
    assert [stage for stage, *_ in stages][-2:] == ["compare", "compare"]
    stages.clear()
    assert prepare(space, tmp_path / "cache", lambda *event: stages.append(event)).count
    assert {stage for stage, *_ in stages} == {"hash"}
    fewer = prepare(space.model_copy(update={"steps": space.steps[:1]}), tmp_path / "cache")
    assert fewer.folder != packed.folder
    assert fewer.count > packed.count
    rows = stream_dataset(packed).take_all()
    assert len(rows) == packed.train_count


@pytest.mark.usefixtures("local_ray")
def test_drawn_faces_are_chosen_by_their_tags(tmp_path: Path) -> None:
    """Their tags are known only when they are drawn."""
    steps = [{"name": "tags", "all_of": ["blonde_hair"], "none_of": ["blue_eyes"]}]
    faces = {"source": {"name": "faces", "count": 150}, "size": 16}
    whole = prepare(DatasetConfig.model_validate(faces), tmp_path)
    chosen = prepare(DatasetConfig.model_validate({**faces, "steps": steps}), tmp_path)
    expected = [
        name
        for name, tags in zip(whole.names, whole.tags, strict=True)
        if "blonde_hair" in tags and "blue_eyes" not in tags
    ]
    assert chosen.names == expected
    assert 0 < chosen.count < whole.count
    index = [whole.names.index(name) for name in expected]
    assert np.array_equal(chosen.images_NCHW, whole.images_NCHW[index])


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_the_duplicates_of_a_real_set(real_data: Path, tmp_path: Path) -> None:
    """Known from the hashes of the files; by pixels they are the same."""
    source = str(real_data / "getchu64.tar")
    steps = ["exact-duplicates", "near-duplicates"]
    space = DatasetConfig.model_validate({"source": source, "steps": steps})
    found = prepare(space, tmp_path).manifest.dropped_by_reason
    assert found["exact-duplicate"] == 3935
    assert 900 < found["near-duplicate"] < 1200
