"""Weights & Biases told for real, without network."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from animesearch.errors import UserError
from animesearch.tuning.loggers import Logging, tell_fresh
from animesearch.tuning.loggers.wandb import KEY, MODE, Wandb, sender
from tests.tuning.loggers.told import ENDS, SCORED, about, files_with, rescored, tell

wandb = pytest.importorskip("wandb", reason="wandb is not installed (the extra of that name)")
SECRET = "0123456789abcdef0123456789abcdef01234567"
BLOCK, HEAD = 32768, struct.Struct("<IHB")
"""Of a file of records: its blocks, and the head of a piece (checksum, length, kind)."""


def records(path: Path) -> Iterator[Any]:
    """The records of an offline run."""
    from wandb.proto import wandb_internal_pb2

    content, place, record = path.read_bytes(), 7, b""
    while place + HEAD.size <= len(content):
        if BLOCK - place % BLOCK < HEAD.size:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEAD.unpack_from(content, place)
        place += HEAD.size + length
        record += content[place - length : place]
        if kind in {1, 4}:  # whole, or the last piece
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def offline_run(path: Path) -> dict[str, Any]:
    """Name, configuration, history and end of an offline run."""
    found: dict[str, Any] = {"config": {}, "history": []}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found |= {"name": record.run.display_name, "id": record.run.run_id,
                      "project": record.run.project, "host": record.run.host}  # fmt: skip
        config = {"run": record.run.config, "config": record.config}.get(kind)
        for item in config.update if config is not None else ():
            found["config"][item.key] = json.loads(item.value_json)
        if kind == "history":
            found["history"].append(
                (record.history.step.num, [_key(i) for i in record.history.item])
            )
        if kind == "exit":
            found["exit"] = record.exit.exit_code
    return found


def _key(item: Any) -> str:
    return str(item.key or "/".join(item.nested_key))


@pytest.mark.slow
def test_each_trial_is_a_run(ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    assert tell(tmp_path, [Wandb(mode="offline", project="faces", grids=True)]) == []
    found = [offline_run(path) for path in sorted(tmp_path.glob("wandb/*/*.wandb"))]
    runs = {run["name"]: run for run in found}
    assert {name: run["config"]["state"] for name, run in runs.items()} == ENDS
    assert runs["t0002"]["config"]["reason"] == "mode-collapse"
    for name, run in runs.items():
        assert (run["id"], run["project"], run["exit"]) == (f"c0ffee-{name}", "faces", 0)
        assert {"architecture", "lr", "width", "seed"} <= set(run["config"])
        assert run["host"] == "driver"
        scored = [step for step, names in run["history"] if "score" in names]
        assert scored == SCORED[name]
        assert scored == [step for step, names in run["history"] if "samples/path" in names]
    assert files_with(tmp_path, SECRET) == []


@pytest.mark.slow
def test_a_score_on_fresh_samples_stands_behind_the_last_step(ray: None, tmp_path: Path) -> None:
    """W&B drops what comes at a step that the run has already."""
    record, specs = rescored(tmp_path), [Wandb(mode="offline", project="faces")]
    tell_fresh(Logging(specs, about(tmp_path), lambda text: None), [record])
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    found = offline_run(path)
    assert (found["id"], found["config"]["state"]) == ("c0ffee-t0007", "completed")
    fresh = [step for step, names in found["history"] if "fresh_score" in names]
    assert fresh == [8001]


def test_without_a_key_nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (KEY, MODE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"no key: set WANDB_API_KEY .* or say mode: offline"):
        Wandb().check()
    Wandb(mode="offline").check()
    monkeypatch.setenv(MODE, "offline")
    Wandb().check()
    monkeypatch.delenv(MODE)
    monkeypatch.setenv(KEY, SECRET)
    Wandb().check()
    assert Wandb().model_dump(mode="json").keys() == {"name", "project", "entity", "mode", "grids"}


def test_a_run_that_has_finished_is_written_before_its_process_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    did: list[str] = []
    monkeypatch.setattr(wandb, "teardown", lambda: did.append("teardown"))

    class Ended:
        def run(self) -> None:
            did.append("run")

    class Broken:
        def run(self) -> None:
            raise RuntimeError("no server")

    sender(Ended)().run()
    with pytest.raises(RuntimeError, match="no server"):
        sender(Broken)().run()
    assert did == ["run", "teardown", "teardown"]


@pytest.mark.slow
def test_the_key_reaches_the_process_that_sends_and_no_log(
    ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray writes runtime environments into logs that everybody on the machine can read."""
    import ray as the_ray
    from ray.air.integrations.wandb import WandbLoggerCallback

    from animesearch.tuning.loggers.wandb import WandbLog
    from tests.tuning.loggers.told import a_trial, about

    class Sender:
        """In the place of Ray's: keeps what it was given."""

        def __init__(self, **given: Any) -> None:
            self.given = given

        def run(self) -> str:
            """The key that ``wandb.init`` would get."""
            return str(self.given["settings"]["api_key"])

    monkeypatch.setenv(KEY, SECRET)
    monkeypatch.delenv(MODE, raising=False)
    monkeypatch.setattr(WandbLoggerCallback, "_logger_actor_cls", Sender)
    log = Wandb().build(about(tmp_path))
    assert isinstance(log, WandbLog)
    log.start(a_trial(tmp_path))
    (future,) = log._callback._trial_logging_futures.values()
    assert the_ray.get(future) == SECRET
    log.close()
    session = the_ray._private.worker._global_node.get_session_dir_path()
    assert files_with(Path(session) / "logs", SECRET) == []
    assert files_with(tmp_path, SECRET) == []
