"""How fast the dashboard is on a large run: 500 trials, 50,000 records.

    python benchmarks/dashboard.py            # writes a run, starts the server, measures, ends it
    python benchmarks/dashboard.py RUN        # measures on a copy of a run folder of your own

The run is written through the journal's own records, one segment a report, as a search does it.
Wall time is what a person waits; processor time is what the server itself needed, and tells on a
busy machine what a quiet one would show.  Afterwards the report of a run of 100 trials is written,
whose grids are noise: the largest that pictures of their size can be.  A run folder without
files of its trials, as ``benchmarks/scale.py`` leaves it, is given some.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from animesearch.files import content_id
from animesearch.results.folder import RunFolder
from animesearch.results.records import (
    EVENTS,
    AttemptStarted,
    Decided,
    Event,
    RungReported,
    RunInfo,
    RunOpened,
    TrialCreated,
    TrialEnded,
)

TRIALS, RECORDS, STEPS = 500, 50_000, 2_000
REPORTED = 100
"""Trials of the report."""
LIMITS = {"start": 1.5, "first page": 1.0, "tick": 0.2, "tick with news": 0.2, "memory": 300.0,
          "report, size": 10.0, "report, memory": 300.0}  # fmt: skip
COMPARED = "compare?trials=t0001,t0002,t0003,t0004,t0005,t0006"
TICKS = 20
METRICS = ("loss_d", "loss_g", "real_score", "fake_score", "d_accuracy", "grad_norm_d",
           "grad_norm_g", "weight_change_g", "sample_diversity", "images_per_second",
           "device_seconds", "metric_seconds", "noise")  # fmt: skip
CONFUSION = ("real_as_real", "real_as_fake", "fake_as_real", "fake_as_fake")


def write_run(path: Path, trials: int = TRIALS, records: int = RECORDS, seed: int = 0) -> RunFolder:
    """A run folder of ``trials`` trials whose journal holds ``records`` events, drawn at random."""
    draw = random.Random(seed)
    folder = RunFolder.create(path)
    rungs = tuple(1000 * (number + 1) for number in range((records // trials - 3) // 2))
    folder.write_info(_info(trials, rungs))
    folder.journal.mkdir()
    segments = [[RunOpened(at=0.0, session=1)]]
    for number in range(trials):
        segments += list(_trial(number, rungs, draw))
    for number, events in enumerate(segments, start=1):
        (folder.journal / f"{number:08d}.json").write_bytes(EVENTS.dump_json(events, indent=1))
    for number in range(trials):
        _files(folder.trial(f"t{number:04d}"), rungs, draw)
    return folder


def _info(trials: int, rungs: tuple[int, ...]) -> RunInfo:
    return RunInfo(
        name="large", created="2025-11-23T12:00:00+00:00", version="0.1.0",
        space_file="large.yaml", seed=0, metric="fd-lite0", protocol={"samples": 1000},
        rungs=rungs, trials=trials, dataset={}, space={"search": {"grid": [5, 5]}}, environment={},
    )  # fmt: skip


def _trial(number: int, rungs: tuple[int, ...], draw: random.Random) -> Iterator[list[Event]]:
    name, at = f"t{number:04d}", float(number)
    params: dict[str, Any] = {
        "architecture": draw.choice(["progan", "penn-dcgan", "sngan"]),
        "loss": draw.choice(["ns", "wgan-gp", "lsgan"]),
        "generator.lr": draw.uniform(1e-4, 2e-3),
        "discriminator.lr": draw.uniform(1e-4, 2e-3),
        "batch": draw.choice([16, 32, 64]),
    }
    config = {"architecture": {"name": params["architecture"]}, "batch": params["batch"]}
    identity = {"config_id": content_id(params), "seed": number, "params": params, "config": config}
    yield [TrialCreated(at=at, trial_id=name, number=number, **identity)]
    yield [AttemptStarted(at=at, trial_id=name, attempt=1)]
    score = draw.uniform(4000, 6000)
    for rung, images in enumerate(rungs):
        score *= draw.uniform(0.95, 1.02)
        yield [
            RungReported(at=at, trial_id=name, attempt=1, rung=rung, images=images, score=score,
                         metrics=_metrics(draw)),
            Decided(at=at, trial_id=name, rung=rung, action="continue", why="the best go on"),
        ]  # fmt: skip
    yield [TrialEnded(at=at, trial_id=name, state="completed", images=rungs[-1], told=score)]


def _metrics(draw: random.Random) -> dict[str, Any]:
    counts = {f"confusion_{name}": draw.randrange(1000) for name in CONFUSION}
    percent = {f"confusion_{name}_percent": draw.uniform(0, 100) for name in CONFUSION}
    return {name: draw.uniform(0, 10) for name in METRICS} | counts | percent


def _files(trial: Path, rungs: Sequence[int], draw: random.Random) -> None:
    (trial / "grids").mkdir(parents=True)
    for images in rungs[:: max(1, len(rungs) // 5)]:
        colour = tuple(draw.randrange(256) for _ in range(3))
        Image.new("RGB", (168, 168), colour).save(trial / "grids" / f"{images:09d}.png")
    lines = [f"{32 * (n + 1)},{draw.uniform(0, 2):.6g},{draw.uniform(0, 2):.6g}"
             for n in range(STEPS)]  # fmt: skip
    (trial / "losses.csv").write_text("images,loss_d,loss_g\n" + "\n".join(lines) + "\n")


class Server:
    """The command itself, on a free port."""

    def __init__(self, path: Path) -> None:
        began = time.perf_counter()
        command = [sys.executable, "-m", "animesearch", "dashboard", str(path), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        self.address = re.findall(r"http://\S+", line)[0].rstrip("/")
        urllib.request.urlopen(f"{self.address}/static/base.css").read()
        self.start = time.perf_counter() - began

    def get(self, path: str) -> tuple[float, float, bytes]:
        """Seconds waited, seconds of the server's processors, and the answer."""
        before, began = self.seconds(), time.perf_counter()
        content = urllib.request.urlopen(self.address + path).read()
        return time.perf_counter() - began, self.seconds() - before, content

    def seconds(self) -> float:
        """Processor time of the server so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """MB of memory at the most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def copy_run(given: Path, scratch: Path) -> Path:
    """A copy to measure on, without what no reader looks at, and with files of the trials."""
    skipped = shutil.ignore_patterns("checkpoints", "tune", "train")
    folder = RunFolder(shutil.copytree(given, scratch / given.name, ignore=skipped))
    trials = [trial for trial in folder.state().trials.values() if trial.rungs]
    if not (folder.path / "trials").exists():
        draw = random.Random(0)
        for trial in trials:
            _files(folder.trial(trial.trial_id), [r.images for r in trial.rungs.values()], draw)
    return folder.path


def measure(path: Path) -> dict[str, tuple[float, float]]:
    """(waited, processor) by what was measured; memory in MB."""
    server = Server(path)
    try:
        found = {"start": (server.start, server.seconds())}
        page = server.get(f"/runs/{path.name}/")
        ranking = server.get(f"/api/runs/{path.name}/ranking")
        found["first page"] = (page[0] + ranking[0], page[1] + ranking[1])
        revision = json.loads(ranking[2])["revision"]
        ask = f"/api/runs/{path.name}/ranking?since={revision}"
        found["tick"] = _median([server.get(ask) for _ in range(TICKS)])
        first = len(RunFolder(path).state().trials)
        news = [_news(server, path, number) for number in range(first, first + 5)]
        found["tick with news"] = _median(news)
        for name in ("wall", "trials/t0001", "trials/t0001/tables", "space", COMPARED):
            found[name.split("?")[0]] = server.get(f"/api/runs/{path.name}/{name}")[:2]
        return found | {"memory": (server.peak(), server.peak())}
    finally:
        server.process.terminate()
        server.process.wait()


def report(path: Path, scratch: Path) -> dict[str, tuple[float, float]]:
    """(waited, processor) of the command ``report``; its file and memory in MB."""
    out, began = scratch / "report.html", time.perf_counter()
    command = [sys.executable, "-m", "animesearch", "report", str(path), "-o", str(out)]
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(done.pid, 0)
    assert status == 0
    seconds = used.ru_utime + used.ru_stime
    size, peak = out.stat().st_size / 1e6, used.ru_maxrss * 1024 / 1e6
    return {
        "report": (time.perf_counter() - began, seconds),
        "report, size": (size, size),
        "report, memory": (peak, peak),
    }


def _noisy(folder: RunFolder) -> Path:
    """Its grids are noise from now on."""
    for number, path in enumerate(sorted(folder.path.glob("trials/*/grids/*.png"))):
        noise = random.Random(number).randbytes(330 * 330 * 3)
        Image.frombytes("RGB", (330, 330), noise).save(path)
    return folder.path


def _news(server: Server, path: Path, number: int) -> tuple[float, float, bytes]:
    """A tick after another report."""
    journal = RunFolder(path).journal
    last = max(int(segment.stem) for segment in journal.glob("*.json"))
    events = next(_trial(number, (1000,), random.Random(number)))
    (journal / f"{last + 1:08d}.json").write_bytes(EVENTS.dump_json(events))
    return server.get(f"/api/runs/{path.name}/ranking?since=0")


def _median(ticks: list[tuple[float, float, bytes]]) -> tuple[float, float]:
    return statistics.median(t[0] for t in ticks), statistics.median(t[1] for t in ticks)


def main() -> None:
    """Print a line a measurement."""
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
        copied = given and copy_run(given, Path(scratch))
        found = measure(copied or write_run(Path(scratch) / "large").path)
        told = copied or _noisy(write_run(Path(scratch) / "reported", REPORTED, 50 * REPORTED))
        found |= report(told, Path(scratch))
    print(f"{'':24} {'waited':>9} {'processor':>9} {'limit':>7}   load {os.getloadavg()[0]:.1f}")
    for name, (waited, processor) in found.items():
        unit = "MB" if name.endswith(("memory", "size")) else "s"
        limit = f"{LIMITS[name]:g}" if name in LIMITS else ""
        print(f"{name:24} {waited:7.3f} {unit:2} {processor:7.3f} {unit:2} {limit:>6}")


if __name__ == "__main__":
    main()
