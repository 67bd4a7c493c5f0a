"""The command line: exit codes and messages of what people do wrong, and of what they do right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from animesearch import cli
from animesearch.datasets.drawing.face import draw_face
from animesearch.results.folder import RunFolder
from animesearch.tuning.cluster_session import ray_session
from tests.trainers.runs import DCGAN, STYLEGAN2, make_run
from tests.tuning.small import SPACE, write_space

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", autouse=True)
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        with ray_session():
            yield


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """``command("run", "--space", "x")`` in an empty folder: the exit code and all output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["animesearch", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
            raise SystemExit(0)
        captured = capsys.readouterr()
        return int(end.value.code or 0), " ".join((captured.out + captured.err).split())

    return run


def faces(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(draw_face(0, index, 16)[0]).save(folder / f"{index}.png")
    return folder


def test_help_loads_nothing_heavy() -> None:
    heavy = "torch ray pydantic numpy optuna rich.console"
    code = f"import sys, animesearch.cli; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [(), ("run",), ("resume",), ("rank",), ("generate",), ("export",), ("list",), ("doctor",)],
)
def test_every_command_has_help(command: Command, arguments: tuple[str, ...]) -> None:
    code, text = command(*arguments, "--help")
    assert code == 0 and "Usage" in text


def test_unknown_space_names_the_shipped_ones(command: Command) -> None:
    code, text = command("run", "--space", "progna.yaml")
    assert code == 2
    assert "progan" in text and "Traceback" not in text


def test_every_mistake_at_once_and_nothing_started(command: Command, tmp_path: Path) -> None:
    space = write_space(tmp_path / "in", SPACE.replace("lsgan", "lsgna").replace("size:", "sice:"))
    code, text = command("run", "--space", str(space), "--set", "trial.batch=many")
    assert code == 2
    assert "3 mistakes" in text
    assert "did you mean 'lsgan'" in text and "did you mean 'size'" in text
    assert "line 4" in text and "--set, trial.batch" in text
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("dataset.source=nowhere/faces", "nowhere"),
        ("dataset.size=24", "cannot do images of 24 pixels; allowed: 16, 32, 64, 128"),
        ("search.scheduler={name: pbt}", "pbt"),
        (
            "search={images: 512, scheduler: pbt, resources: {workers: 1}}",
            "scheduler 'pbt' needs search.resources.workers: 0",
        ),
        ("search.resources={concurrency: 900, cpu: 1}", "900 trials x 1 CPU"),
        ("search.scheduler.first_rung=100000", "lies above the full budget"),
        ("trial.batch=400", "one step of D takes 400 images"),
        (
            "search={epochs: 0.5, scheduler: {name: asha, first_rung: 0.25}}",
            "one step of D takes 16 images",
        ),
        ("search.grid=[0, 3]", "search.grid.0: must be at least 1"),
        ("search.scheduler={name: asha, grace: {penn: 10}}", "no architecture 'penn'"),
        ("search.storage=nonsense", "search.storage 'nonsense' cannot be used"),
    ],
)
def test_what_cannot_be_done_is_said(
    command: Command, tmp_path: Path, override: str, expected: str
) -> None:
    space = write_space(tmp_path / "in")
    code, text = command("run", "--space", str(space), "--out", "out", "--set", override)
    assert code == 2, text
    assert expected in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("count", "expected"), [(0, "no "), (1, "1")])
def test_too_few_images(command: Command, tmp_path: Path, count: int, expected: str) -> None:
    space, source = write_space(tmp_path / "in"), faces(tmp_path / "faces", count)
    code, text = command("run", "--space", str(space), "--set", f"dataset.source={source}")
    assert code == 2
    assert expected in text and str(source.name) in text
    assert not (tmp_path / "runs").exists()


def test_unreadable_images_are_left_out_and_counted(command: Command, tmp_path: Path) -> None:
    space, source = write_space(tmp_path / "in"), faces(tmp_path / "faces", 60)
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"no image")
    (source / "empty.jpg").write_bytes(b"")
    code, text = command(
        *("run", "--space", str(space), "--out", "out"),
        *("--set", f"dataset.source={source}", "--set", "search.trials=2"),
    )
    assert code == 0, text
    assert "60 images of 16 px, 2 left out" in text
    manifest = json.loads((tmp_path / "out" / "data" / "manifest.json").read_text())
    assert {drop["name"] for drop in manifest["dropped"]} == {"broken.png", "empty.jpg"}


def test_a_space_without_distribution_is_one_trial(command: Command, tmp_path: Path) -> None:
    text = SPACE.replace("{loguniform: [1.0e-4, 1.0e-3]}", "2.0e-4").replace(
        "{choice: [ns, lsgan]}", "ns"
    )
    head, tail = text.split("  architecture:")
    text = (
        head
        + "  architecture: {name: penn-dcgan, width: 4, latent: 8}\n  loss:"
        + (tail.split("  loss:")[1])
    )
    place = write_space(tmp_path / "in", text)
    code, said = command("run", "--space", str(place), "--set", "search.trials=1", "--out", "out")
    assert code == 0, said
    assert "The space has no distribution: one trial." in said
    assert len(RunFolder.open(tmp_path / "out").state().trials) == 1

    code, said = command("rank", "out", "--json")
    assert code == 0 and json.loads(said)["trials"][0]["place"] == 1
    code, said = command("run", "--space", str(tmp_path / "in" / "small.yaml"), "--out", "out")
    assert code == 2 and "animesearch resume" in said
    code, said = command("generate", "out", "--trial", "t0001", "-o", "grid.png")
    assert code == 2 and "did you mean 't0000'" in said
    code, said = command("generate", "out", "-n", "4", "-o", "grid.png")
    assert code == 0 and (tmp_path / "grid.png").is_file()
    code, said = command("export", "out", "-o", "exported")
    assert code == 0 and "python exported/sample.py out.png" in said
    assert "fd-random" in (tmp_path / "exported" / "README.md").read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a DCGAN and a StyleGAN2, without Ray."""
    return make_run(tmp_path_factory.mktemp("trained") / "r", DCGAN, STYLEGAN2).path


@pytest.mark.parametrize(
    ("options", "said", "size"),
    [
        ("--truncation 0.7 -n 4", "4 images of t0000 in a.png", (34, 34)),
        ("--interpolate 3 -n 2 --seed 5", "2 rows of 3 images", (52, 34)),
        ("--curate 1 -n 9", "the 1 of 9 images of t0000 that D scores highest", (16, 16)),
        ("--trial t0001 --mix 1x2 --layers 4-5", "1x2 table of t0001, layers 4-5", (52, 34)),
        ("--trial t0001 --style-mixing 2x1", "2x1 table of t0001, layers 0-3", (34, 52)),
    ],
)
def test_ways_of_drawing(
    command: Command, trained: Path, options: str, said: str, size: tuple[int, int]
) -> None:
    code, text = command("generate", str(trained), "-o", "a.png", *options.split())
    assert code == 0, text
    assert said in text
    with Image.open("a.png") as picture:
        assert picture.size == size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("generate RUN -o a.gif", "a.gif is no picture's name"),
        ("generate RUN -o a.png --truncation 2", "--truncation 2.0 must be between 0 and 1"),
        ("generate RUN -o a.png --mix 2x2", "'penn-dcgan' has no styles to mix"),
        ("generate RUN -o a.png --mix 2x2 --trial t0001 --layers fine", "has the layers 0-5"),
        ("generate RUN -o a.png --mix 2x2 --curate 3", "exclude each other"),
        ("generate RUN -o a.png --label red", "was trained without labels"),
        ("generate RUN -o a.png --trial t0002", "has no trial 't0002'"),
        ("export RUN -o RUN", "is no earlier export"),
        ("export RUN -o e --trial t0002", "has no trial 't0002'"),
        ("export . -o e", "is not a run folder"),
        ("list losses --parameters", "--parameters goes with 'list architectures'"),
    ],
)
def test_what_cannot_be_drawn_exported_or_listed_is_told(
    command: Command, trained: Path, arguments: str, said: str
) -> None:
    code, text = command(*arguments.replace("RUN", str(trained)).split())
    assert code == 2
    assert text.startswith("animesearch: ") and said in text
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["rank", "resume"])
def test_a_folder_that_is_no_run(command: Command, tmp_path: Path, name: str) -> None:
    assert command(name, "nowhere")[0] == 2
    code, text = command(name, str(tmp_path))
    assert code == 2 and text.rstrip().endswith("it has no run.json")
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "run.json").touch()
    code, text = command(name, str(tmp_path))
    assert code == 2 and f"a run in it is {tmp_path / 'older'}" in text


def test_a_folder_that_cannot_be_made_is_told_before_the_work(
    command: Command, tmp_path: Path
) -> None:
    space = write_space(tmp_path / "in")
    code, text = command("run", "--space", str(space), "--out", f"{space}/run")
    assert code == 2 and "cannot make the run folder" in text
    assert "pack" not in text and "features" not in text


def test_schema_and_lists_are_json(command: Command) -> None:
    code, text = command("schema")
    assert code == 0 and "trial" in json.loads(text)["properties"]
    code, text = command("list", "losses", "--json")
    assert code == 0 and "wgan-gp" in {row["name"] for row in json.loads(text)}
    code, text = command("list", "architectures", "--json")
    assert code == 0 and all(row["parameters"] for row in json.loads(text))
    code, text = command("list", "architectures", "--parameters")
    assert code == 0 and "penn-dcgan adversarial 16 32 64 128 3.6 + 2.8 at 64 px" in text


def test_doctor_tells_what_would_run(command: Command) -> None:
    code, text = command("doctor", "--json")
    found = json.loads(text)
    assert code == 0
    assert found["cores"] >= 1 and "lite0" in found["features: auto"]


def test_cluster_file(command: Command, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "cluster.yaml"
    assert command("validate-cluster", str(shipped))[0] == 0
    (tmp_path / "bad.yaml").write_text("cluster_name: x\nprovidr: {type: aws}\n")
    code, text = command("validate-cluster", str(tmp_path / "bad.yaml"))
    assert code == 2 and "provider" in text


def test_data_is_inspected_prepared_and_searched_from(command: Command, tmp_path: Path) -> None:
    images = faces(tmp_path / "images", 6)
    (images / "copy.png").write_bytes((images / "3.png").read_bytes())
    (images / "words.png").write_text("no image")
    code, text = command("data", "inspect", "images", "--html", "page.html")
    assert code == 0 and "1 redundant by file" in text and "not-an-image" in text
    assert "copy.png" in (tmp_path / "page.html").read_text()
    options = ("--size", "16", "--step", "exact-duplicates", "--out", "set")
    code, text = command("data", "prepare", "images", *options)
    assert code == 0 and "6 of 8 images kept" in text and "prepared in" in text
    code, text = command("data", "prepare", "images", *options)
    assert code == 0 and "nothing to do" in text
    code, text = command("data", "prepare", "set", "--size", "16", "--json")
    assert code == 0 and '"found": 6' in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prepare",), "name a source"),
        (("prepare", "missing"), "no folder and no tar"),
        (("prepare", "faces", "--size", "4"), "at least 8, got 4"),
        (("prepare", "faces", "--step", "exact"), "unknown cleaning step 'exact'"),
        (("prepare", "faces", "--set", "sise=8"), "did you mean 'size'"),
        (("prepare", "faces", "--out", "."), "holds other things"),
        (("inspect", "missing"), "no folder and no tar"),
        (("inspect", "--space", "nosuch.yaml"), "nosuch.yaml"),
    ],
)
def test_mistakes_about_data(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    code, text = command("data", *arguments)
    assert code == 2 and words in text and "Traceback" not in text
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_evaluate_tells_numbers_and_what_they_rest_on(command: Command, tmp_path: Path) -> None:
    faces(tmp_path / "a", 12), faces(tmp_path / "b", 20)
    code, text = command("evaluate", "a", "--against", "b", "--features", "random", "--json")
    assert code == 0
    found, _ = json.JSONDecoder().raw_decode(text[text.index("{") :])
    assert found["metric"] == "fd-random" and found["counts"] == {"images": 12, "against": 20}
    assert {"frechet", "kid", "precision", "coverage"} <= found["values"].keys()
    code, text = command("evaluate", "a", "--against", "b", "--features", "random")
    assert code == 0 and "numbers compare at equal counts only" in text
    code, text = command("evaluate", "a", "--against", "b", "--metrics", "fidd")
    assert code == 2 and "Allowed: density-coverage" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--features", "random", "--against", "b"), "generated images, there is 1"),
        (("--features", "rando", "--against", "b"), "did you mean 'random'"),
        (("--features", "random", "--policy", "cleen", "--against", "b"), "'pytorch-fid'"),
        (("--features", "random", "--metrics", "inception-score", "--against", "b"), "logits"),
        (("--features", "random", "--against", "missing"), "missing"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_sentence(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    faces(tmp_path / "a", 1), faces(tmp_path / "b", 8)
    code, text = command("evaluate", "a", *arguments)
    assert code == 2 and words in text and "Traceback" not in text
