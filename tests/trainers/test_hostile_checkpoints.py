"""Checkpoints and exports from strangers: nothing in them is run, and memory follows their size."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from animesearch import cli
from animesearch.errors import CheckpointError
from animesearch.results.folder import RunFolder
from animesearch.results.web.app import create_app
from animesearch.results.web.security import access
from animesearch.results.web.store import Store
from animesearch.trainers.checkpoint import (
    best_checkpoint,
    latest_checkpoint,
    load_checkpoint,
    read_info,
)
from animesearch.trainers.export import export, load_export
from animesearch.trainers.generate import Drawing, generate
from animesearch.trainers.models import load_generator
from animesearch.trainers.scrutiny import scrutinise
from tests.trainers.hostile_checkpoints import ATTACKS, attack, saved, write_payload
from tests.trainers.runs import DCGAN, make_run
from tests.tuning.small import write_space

MOST_MEMORY = 200_000_000
EVIL = "images-999999999999.ckpt"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("trained") / "r", DCGAN)


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy, to be spoilt."""
    shutil.copytree(trained.path, tmp_path / "r")
    return RunFolder(tmp_path / "r")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "code-was-run"


def checkpoint_of(run: RunFolder) -> Path:
    found = best_checkpoint(run.checkpoints("t0000"))
    assert found is not None
    return found


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The checkpoint with another payload, and a header that fits it."""
    payload = load_checkpoint(path)
    change(payload)
    info = read_info(path)
    return write_payload(path, saved(payload), images=info.images, score=info.score)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_torch_sees_it(tmp_path: Path, mark: Path, name: str) -> None:
    body = attack(name, mark)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"\w"):
        scrutinise(body)
    with pytest.raises(CheckpointError, match=r"bad\.ckpt cannot be read: "):
        load_checkpoint(write_payload(tmp_path / "bad.ckpt", body))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_MEMORY
    assert not mark.exists()


def test_the_attack_is_a_real_one(mark: Path) -> None:
    pickle.loads(attack("code without torch", mark))
    assert mark.exists()


def test_what_a_pickle_asks_for_is_named(mark: Path) -> None:
    with pytest.raises(ValueError, match=r"asks for posix\.system, which may run code; a check"):
        scrutinise(attack("code as a function's name", mark))
    with pytest.raises(ValueError, match="would unpack to 400,000,"):
        scrutinise(attack("bomb", mark))


def test_every_kind_of_number_passes() -> None:
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
             torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]  # fmt: skip
    tensors = {str(kind): torch.ones(3, 2).to(kind) for kind in kinds}
    scrutinise(saved({**tensors, "none": torch.empty(0), "one": torch.tensor(1.0)}))
    scrutinise(saved([1, -(2**40), 2.5, None, True, "text", (1, 2), {"a": [tensors]}]))
    shared = torch.ones(6)
    scrutinise(saved({"a": shared[:2], "b": shared.view(2, 3).T}))


HEADERS = [
    b"[" * 4096,
    b'{"a":' * 800,
    b"null\n",
    b"{}\n",
    b'{"format": 1, "bytes": "x", "sha256": 1, "images": [], "score": {}, "healthy": 3}\n',
    b'{"format": 1, "bytes": 0, "sha256": "%s", "images": 1, "score": NaN, "healthy": true}\n'
    % (b"0" * 64),
    b"\xff\xfe\n",
    b"x" * 10_000,
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_broken_headers_are_passed_over(tmp_path: Path, run: RunFolder, header: bytes) -> None:
    good = checkpoint_of(run)
    (good.parent / EVIL).write_bytes(header)
    with pytest.raises(CheckpointError, match="is no checkpoint of format 1"):
        load_checkpoint(good.parent / EVIL)
    assert checkpoint_of(run) == good
    found = latest_checkpoint(good.parent)
    assert found is not None and found[0] != good.parent / EVIL


def test_pipes_and_folders_are_no_checkpoints(run: RunFolder) -> None:
    good = checkpoint_of(run)
    os.mkfifo(good.parent / EVIL)
    (good.parent / "images-999999999998.ckpt").mkdir()
    assert checkpoint_of(run) == good
    with pytest.raises(CheckpointError, match="is not a regular file"):
        load_checkpoint(good.parent / EVIL)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no identity": lambda state: state.pop("identity"),
    "no modules": lambda state: state.pop("modules"),
    "no average": lambda state: state["modules"].pop("average"),
    "modules are a list": lambda state: state.update(modules=[]),
    "weights are text": lambda state: state["modules"].update(average="x"),
    "a weight is text": lambda state: state["modules"]["average"].update(
        {next(iter(state["modules"]["average"])): "x"}
    ),
    "a name is a number": lambda state: state["modules"]["average"].update({3: torch.ones(1)}),
    "size": lambda state: state["identity"].update(size=2**40),
    "size is text": lambda state: state["identity"].update(size="16"),
    "channels": lambda state: state["identity"].update(channels=-3),
    "images": lambda state: state.update(images=-1),
    "classes": lambda state: state.update(classes={"names": ["a"], "shares": []}),
    "shares": lambda state: state.update(classes={"names": ["a"], "shares": [float("nan")]}),
    "a million classes": lambda state: state.update(
        classes={"names": list("ab") * 10**5, "shares": [1.0] * 2 * 10**5}
    ),
    "report": lambda state: state.update(report={"loss_d": "x"}),
    "confusion": lambda state: state["report"].update(
        dict.fromkeys((f"confusion_{a}_as_{b}" for a in ("real", "fake") for b in ("real", "fake")),
                      "many")
    ),
    "config": lambda state: state.update(config="[" * 10**5),
    "unknown design": lambda state: state.update(
        config=state["config"].replace("penn-dcgan", "\x1b[2J")
    ),
    "vast design": lambda state: state.update(
        config=state["config"].replace('"width":4', '"width":512').replace(
            '"latent":8', '"latent":4096'
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_descriptions_that_lie_are_told(
    run: RunFolder, tmp_path: Path, command: Command, name: str
) -> None:
    changed(checkpoint_of(run), CHANGES[name])
    for arguments in (
        ("generate", run.path, "-o", tmp_path / "a.png"),
        ("export", run.path, "-o", tmp_path / "e"),
    ):
        code, text = command(*arguments)
        assert code == 2, text
        assert text.startswith("animesearch: ") and "Traceback" not in text
        assert all(line.isprintable() for line in text.splitlines())
    assert not (tmp_path / "a.png").exists() and not (tmp_path / "e").exists()


def test_a_small_file_cannot_ask_for_vast_networks(run: RunFolder) -> None:
    path = changed(checkpoint_of(run), CHANGES["vast design"])
    with pytest.raises(CheckpointError, match=r"asks for a generator of [\d,]{9,} parameters; \d"):
        load_generator(path)


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """``command("run", ...)``: the exit code and what was said."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["animesearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
            raise SystemExit(0)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.err

    return run


@pytest.mark.parametrize("name", ["code", "code without torch"])
@pytest.mark.parametrize(
    "arguments",
    [
        "generate RUN -o OUT/a.png",
        "export RUN -o OUT/e",
        "evaluate RUN --against IMAGES --features random -n 4",
        "run --space SPACE --dry-run --set trial.start.run=RUN",
        "run --space SPACE --dry-run --set trial.start.run=FILE",
        "run --space SPACE --dry-run --set trial.start.run=BARE",
    ],
)
def test_every_command_that_reads_one_refuses_it(
    run: RunFolder, tmp_path: Path, mark: Path, command: Command, name: str, arguments: str
) -> None:
    """BARE is the payload alone, as other programs write it: a .pt file."""
    body, path = attack(name, mark), checkpoint_of(run)
    write_payload(path, body, score=0.0)
    (tmp_path / "bare.pt").write_bytes(body)
    places = {"RUN": run.path, "FILE": path, "BARE": tmp_path / "bare.pt", "OUT": tmp_path,
              "SPACE": write_space(tmp_path / "in"), "IMAGES": tmp_path / "images"}  # fmt: skip
    for word, place in places.items():
        arguments = arguments.replace(word, str(place))
    code, text = command(*arguments.split())
    assert code == 2, text
    assert "Traceback" not in text and "animesearch: " in text
    assert "cannot be read" in text or "is no checkpoint" in text
    assert not mark.exists()
    assert not list(tmp_path.glob("*.png")) and not (tmp_path / "e").exists()


def test_a_resumed_trial_takes_the_one_before(run: RunFolder, mark: Path) -> None:
    folder = run.checkpoints("t0000")
    good = latest_checkpoint(folder)
    write_payload(folder / EVIL, attack("code", mark))
    found = latest_checkpoint(folder)
    assert good is not None and found is not None and found[0] == good[0]
    assert not mark.exists()


def test_the_dashboard_hands_the_bytes_out_and_reads_none(run: RunFolder, mark: Path) -> None:
    path = checkpoint_of(run)
    write_payload(path, attack("code", mark))
    app = create_app(Store(run.path), access("127.0.0.1", 8300))
    with TestClient(app, base_url="http://127.0.0.1:8300") as client:
        place = path.relative_to(run.path)
        answer = client.get(f"/runs/r/files/{place}")
        assert client.get("/api/runs/r/trials/t0000").status_code == 200
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert not mark.exists()


def header(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


def claim(shape: list[int], end: int = 4) -> bytes:
    tensor = {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
    return header(json.dumps({"a": tensor}).encode()) + bytes(4)


WEIGHTS = [
    b"",
    header(b"{}", 2**63),
    header(b"{}", 2**64 - 1),
    header(b"{" * 100, 10**8 + 1),
    header(b"[" * 50_000),
    header(b"\xff" * 100),
    claim([10**12]),
    claim([2**40, 2**40]),
    claim([10**12], 4 * 10**12),
    claim([1]),
]


@pytest.mark.parametrize("content", WEIGHTS, ids=range(len(WEIGHTS)))
def test_an_export_of_broken_weights_is_refused(
    run: RunFolder, tmp_path: Path, content: bytes
) -> None:
    place = exported(run, tmp_path)
    replace_weights(place, content)
    with pytest.raises(CheckpointError, match="does not fit architecture 'penn-dcgan'"):
        load_export(place)


def test_an_export_of_a_pickle_is_refused(run: RunFolder, tmp_path: Path, mark: Path) -> None:
    place = exported(run, tmp_path)
    for name in ("code", "code without torch"):
        replace_weights(place, attack(name, mark))
        with pytest.raises(CheckpointError, match="does not fit"):
            load_export(place)
    assert not mark.exists()


def test_a_small_export_cannot_ask_for_vast_networks(run: RunFolder, tmp_path: Path) -> None:
    place = exported(run, tmp_path)
    edit(place, lambda config: config["architecture"].update(width=512, latent=4096))
    with pytest.raises(CheckpointError, match=r"asks for a generator of [\d,]{9,} parameters"):
        load_export(place)


def test_an_export_that_is_no_folder_of_files(run: RunFolder, tmp_path: Path) -> None:
    place = exported(run, tmp_path)
    (place / "config.json").rename(tmp_path / "config.json")
    os.mkfifo(place / "config.json")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read: .* regular file"):
        load_export(place)
    (tmp_path / "config.json").replace(place / "config.json")
    (place / "generator.safetensors").unlink()
    os.mkfifo(place / "generator.safetensors")
    with pytest.raises(CheckpointError, match="is not a regular file"):
        load_export(place)


def exported(run: RunFolder, tmp_path: Path) -> Path:
    export(run.path, tmp_path / "e", None)
    return tmp_path / "e"


def edit(place: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = place / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def replace_weights(place: Path, content: bytes) -> None:
    """With the hash that they then have."""
    (place / "generator.safetensors").write_bytes(content)
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    edit(place, lambda config: config["files"].update({"generator.safetensors": facts}))


def test_an_honest_run_still_draws(run: RunFolder, tmp_path: Path) -> None:
    generate(run.path, tmp_path / "a.png", None, Drawing(4))
    assert (tmp_path / "a.png").is_file()
