"""Whole searches whose run lives in a bucket, of S3 or Google: faults, kills, another machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from animesearch.datasets.pipeline import pack
from animesearch.errors import DataError
from animesearch.results.fetching import fetch_run
from animesearch.results.folder import RunFolder
from animesearch.results.opening import run_to_read
from animesearch.results.ranking import rank
from animesearch.storage.cache import working_folder
from animesearch.storage.patience import PAUSE
from animesearch.storage.store import Store
from animesearch.trainers.generate import Drawing, generate
from animesearch.tuning import launch
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.datajobs import dataset_of, prepare_data
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.storage.google import Gcs
from tests.storage.servers import S3, SECRET, Served
from tests.tuning.scripted_driver import wait_until
from tests.tuning.small import SPACE, write_space

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ray(
    running_s3: S3, running_gcs: Gcs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Its processes know the way to the stores."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**running_s3.environment, **running_gcs.environment}.items():
            patch.setenv(name, value)
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", str(ROOT))
        with ray_session():
            yield


def reports_at(url: str) -> int:
    """Scores that the store knows of."""
    return len(run_to_read(url).state().reports) if Store.open(url).entry("run.json") else -1


@pytest.mark.slow
def test_lost_killed_and_resumed_elsewhere(ray: None, s3: S3, url: str, tmp_path: Path) -> None:
    """The store answers errors for a while, the driver is killed, and another machine resumes:
    the same scores, kills and ranking as those of an undisturbed search in a folder."""
    space, log = write_space(tmp_path), tmp_path / "log.txt"
    command = [sys.executable, "-m", "animesearch", "run", "--space", str(space), "--out", url]
    _lost_and_killed(command, s3, url, log, reports=4)
    assert "works again" in log.read_text() and SECRET not in log.read_text()
    assert launch.resume(url) == launch.DONE
    assert launch.start(str(space), [], tmp_path / "whole") == launch.DONE
    stored, whole = run_to_read(url), RunFolder.open(tmp_path / "whole")
    one, two = stored.state(), whole.state()
    assert one.outcome == "complete" and one.sessions == 2 and not one.by_state("failed")
    assert [t.state for t in one.trials.values()] == [t.state for t in two.trials.values()]
    for here, there in zip(one.trials.values(), two.trials.values(), strict=True):
        scores = [report.score for report in here.rungs.values()]
        assert scores == pytest.approx([r.score for r in there.rungs.values()], abs=5e-4)
    assert [r.trial_id for r in rank(one)] == [r.trial_id for r in rank(two)]
    assert replay(Asha(first_rung=128), one, stored.info().rungs) == []
    _holds_what_a_folder_holds(url, whole)


def _lost_and_killed(command: list[str], served: Served, url: str, log: Path, reports: int) -> None:
    """A search whose store answers errors after its first report, and whose driver is killed when
    so many have arrived."""
    environment = {**os.environ, "ANIMESEARCH_CACHE": str(log.with_name("first")), PAUSE: "0.3"}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        wait_until(process, lambda: reports_at(url) >= 1)
        served.proxy.fail("busy")
        wait_until(process, lambda: "storage is lost" in log.read_text())
        served.proxy.fail("pass")
        wait_until(process, lambda: reports_at(url) >= reports)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def _holds_what_a_folder_holds(url: str, folder: RunFolder) -> None:
    """Pictures, tables and the checkpoints of the best; no lock, and nothing secret."""
    there = Store.open(url).entries()
    here = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*.*")}
    wanted = {name for name in here if name.endswith((".png", ".csv", ".ckpt", ".yaml"))}
    wanted |= {"run.json", "ranking.json", "overrides.json", "data/manifest.json"}
    assert wanted - there.keys() == set()
    assert not any(name.startswith("lock/") for name in there)
    store = Store.open(url)
    assert not any(SECRET.encode() in store.read(name) for name in there)


@pytest.mark.slow
def test_images_and_run_at_google(ray: None, gcs: Gcs, tmp_path: Path) -> None:
    """Images prepared in a bucket, a search on them whose store is away for a moment, killed, gone
    on with by another machine, ranked and brought home."""
    images, url, log = gcs.url("faces"), gcs.url("runs/x"), tmp_path / "log.txt"
    home = tmp_path / "home"
    source = ("source={name: faces, count: 96}", "size=16")
    prepare_data(dataset_of("faces", overrides=source), images, Console(quiet=True))
    text = SPACE.replace("{name: faces, count: 96}", images).replace("trials: 4", "trials: 2")
    space = str(write_space(tmp_path, text))
    command = [sys.executable, "-m", "animesearch", "run", "--space", space, "--out", url]
    _lost_and_killed(command, gcs, url, log, reports=2)
    assert launch.resume(url) == launch.DONE
    fetch_run(url, home)
    brought = RunFolder.open(home)
    state = brought.state()
    assert state == run_to_read(url).state()
    assert state.outcome == "complete" and state.sessions == 2 and not state.by_state("failed")
    assert replay(Asha(first_rung=128), state, brought.info().rungs) == []
    _holds_what_a_folder_holds(url, RunFolder.open(working_folder(url)))
    assert brought.files(f"trials/{rank(state)[0].trial_id}/checkpoints")


POPULATION = (
    "search.scheduler={name: pbt, interval: 0.25}",
    "trial.architecture={name: penn-dcgan, width: 4, latent: 8}",
    "trial.loss=ns",
)


@pytest.mark.slow
def test_a_population_is_killed_resumed_elsewhere_and_brought_home(
    ray: None, url: str, tmp_path: Path
) -> None:
    """Weights that trials take over go through Tune, which the other machine knows nothing of:
    there each goes on from its own in the store."""
    space, home = write_space(tmp_path), tmp_path / "home"
    settings = [word for setting in POPULATION for word in ("--set", setting)]
    command = [sys.executable, "-m", "animesearch", "run", "--space", str(space), "--out", url]
    environment = {**os.environ, "ANIMESEARCH_CACHE": str(tmp_path / "first")}
    with (tmp_path / "log.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, *settings], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        wait_until(process, lambda: reports_at(url) >= 6)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert launch.resume(url) == launch.DONE
    fetch_run(url, home)
    brought = RunFolder.open(home)
    state = brought.state()
    assert state.outcome == "complete" and state.sessions == 2
    assert [trial.state for trial in state.trials.values()] == ["completed"] * 4
    full = len(brought.info().rungs)
    assert all(len(trial.rungs) == full for trial in state.trials.values())
    assert any(trial.perturbed for trial in state.trials.values()), "the worst took over the best"
    assert state == run_to_read(url).state()
    best = rank(state)[0].trial_id
    assert brought.files(f"trials/{best}/checkpoints")
    picture = tmp_path / "samples.png"
    generate(home, picture, best, Drawing(count=4))
    assert picture.is_file()


@pytest.mark.slow
def test_images_are_prepared_in_a_bucket_and_read_from_it(ray: None, s3: S3, url: str) -> None:
    """Again into the same place nothing is sent; beside other things nothing is written."""
    source = "source={name: faces, count: 24}"
    config = dataset_of("faces", overrides=[source, "size=16"])
    console = Console(quiet=True)
    first = prepare_data(config, url, console)
    assert first.fresh and not prepare_data(config, url, console).fresh
    assert sorted(Store.open(url).entries()) == ["images.arrow", "manifest.json"]
    again = pack(dataset_of(url, overrides=["size=16"])).packed
    assert again.pixels_digest == first.packed.pixels_digest
    Store.open(url).write("letter.txt", b"dear")
    with pytest.raises(DataError, match=r"other things than a prepared set \(letter\.txt\)"):
        prepare_data(config, url, console)
