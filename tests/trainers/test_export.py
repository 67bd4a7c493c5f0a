"""``export``: a folder that stands on its own, draws the same images, and is never half there."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors import torch as safetensors

from animesearch.errors import CheckpointError, RunFolderError, UnknownNameError, UserError
from animesearch.results.folder import RunFolder
from animesearch.trainers import export as module
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.trainers.export import export, load_export, read_export
from animesearch.trainers.models import TrainedGenerator, load_generator
from animesearch.trainers.sampling import Sampler, grid_image
from tests.trainers.runs import AUTOENCODER, DCGAN, PROGAN, STYLEGAN2, make_run

ROOT = Path(__file__).parents[2]
FILES = ["README.md", "config.json", "generator.safetensors", "sample.py", "samples.png"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("run") / "r", DCGAN, PROGAN)


@pytest.fixture
def exported(run: RunFolder, tmp_path: Path) -> Path:
    assert export(run.path, tmp_path / "e", None) == "t0000"
    return tmp_path / "e"


def trained(run: RunFolder, trial: str = "t0000") -> TrainedGenerator:
    path = best_checkpoint(run.checkpoints(trial))
    assert path is not None
    return load_generator(path)


def same_images(run: RunFolder, folder: Path, trial: str = "t0000") -> bool:
    state = torch.get_rng_state()
    drawn = Sampler(load_export(folder), class_shares=read_export(folder).class_shares)(3, 21)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(drawn[:-1], drawn[1:])
    return torch.equal(drawn, trained(run, trial).sampler(3, 21))


def run_script(folder: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "sample.py"), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


# -- what is exported ------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", ["t0000", "t0001"])
def test_an_export_draws_the_same_images(run: RunFolder, tmp_path: Path, trial: str) -> None:
    assert export(run.path, tmp_path / "deep" / "e", trial) == trial
    folder = tmp_path / "deep" / "e"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["e"]
    assert same_images(run, folder, trial)
    generator = load_export(folder)
    assert not generator.training
    assert not any(p.requires_grad for p in generator.parameters())
    sheet = grid_image(trained(run, trial).sampler(0, 64).numpy(), 8)
    with Image.open(folder / "samples.png") as picture:
        assert picture.tobytes() == sheet.tobytes()


def test_labels_and_spectral_normalisation_come_along(tmp_path: Path) -> None:
    classes = {"a|b": 0.75, "c": 0.25}
    run = make_run(tmp_path / "r", STYLEGAN2, classes=classes, spectral_norm="both")
    export(run.path, tmp_path / "e", None)
    config = read_export(tmp_path / "e")
    assert (config.classes, config.class_shares) == (("a|b", "c"), (0.75, 0.25))
    assert load_export(tmp_path / "e").classes == 2
    assert same_images(run, tmp_path / "e")
    assert "| classes | a\\|b (75.0%), c (25.0%) |" in (tmp_path / "e" / "README.md").read_text()


def test_autoencoders_are_exported_with_the_gaussian_of_their_codes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", AUTOENCODER, size=32, channels=1)
    export(run.path, tmp_path / "e", None)
    assert same_images(run, tmp_path / "e")
    assert read_export(tmp_path / "e").channels == 1


def test_a_generator_that_still_grew_stays_at_its_stage(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", {**PROGAN, "growth": 1.0})
    early = run.checkpoints("t0000") / "images-000000000024.ckpt"
    for path in run.checkpoints("t0000").iterdir():
        if path != early:
            path.unlink()
    export(run.path, tmp_path / "e", None)
    config = read_export(tmp_path / "e")
    assert (config.images, config.budget) == (24, 48)
    assert same_images(run, tmp_path / "e")
    generator = load_export(tmp_path / "e")
    early_NCHW = Sampler(generator)(0, 4)
    generator.set_progress(config.budget, config.budget)
    assert not torch.equal(Sampler(generator)(0, 4), early_NCHW)


def test_the_configuration_and_the_weights_are_readable_without_the_package(
    run: RunFolder, exported: Path
) -> None:
    config = json.loads((exported / "config.json").read_text())
    assert config["architecture"].items() >= DCGAN.items()
    assert (config["size"], config["channels"], config["latents"]) == (16, 3, 8)
    assert (config["images"], config["budget"], config["output_range"]) == (192, 192, [-1.0, 1.0])
    assert config["origin"]["trial"] == "t0000"
    assert config["training"]["loss"]["name"] == "ns"
    assert set(config["files"]) == {"generator.safetensors"}
    weights = safetensors.load_file(exported / "generator.safetensors")
    mine = trained(run).generator.state_dict()
    assert weights.keys() == mine.keys()
    assert all(torch.equal(weights[name], mine[name]) for name in mine)


def test_the_model_card_tells_facts_of_the_run(run: RunFolder, exported: Path) -> None:
    card = (exported / "README.md").read_text()
    best = run.state().trials["t0000"].best
    assert best is not None
    for fact in (
        "# small | run, trial t0000: penn-dcgan",
        "| real images shown | 192 of a budget of 192 |",
        "| data digest | d1ge57 |",
        "| seed of the run | 5 |",
        "| configuration | c0 (seed 0) |",
        "| verdict at this checkpoint | none |",
        "| end of the trial | completed |",
        f"| brightness at {best.images} images (lower is better) | {best.score:.2f} |",
        "| brightness on 16 fresh samples after the race | 100.00 |",
        f"| parameters of G | {sum(p.numel() for p in load_export(exported).parameters()):,} |",
    ):
        assert fact in card
    assert "/home/somebody" not in card + (exported / "config.json").read_text()
    blocks = [yaml.safe_load(part.split("```")[0]) for part in card.split("```yaml\n")[1:]]
    assert blocks[0] == {"features": "none", "samples": 16, "data": "abc"}
    assert blocks[2]["architecture"].items() >= DCGAN.items()


def test_the_script_draws_the_samples(exported: Path, tmp_path: Path) -> None:
    assert len((exported / "sample.py").read_text().splitlines()) <= 13
    done = run_script(exported, "mine.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "mine.png") as mine, Image.open(exported / "samples.png") as given:
        assert mine.tobytes() == given.tobytes()


# -- plug-ins --------------------------------------------------------------------------------------

PLUGIN = '''
from typing import ClassVar, Literal

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.architectures.penn_dcgan import PennDcgan

@ARCHITECTURES.register
class Mine(PennDcgan):
    """One of my own."""
    source: ClassVar[str] = "me"
    name: Literal["mine"] = "mine"
    width: int = 4
'''
MAKE_RUN = """
import sys
from pathlib import Path
from animesearch.plugins import load_plugins
from animesearch.trainers.export import export
from tests.trainers.runs import make_run

place = Path(sys.argv[1])
plugins = load_plugins([place / "mine.py", place / "other.py"])
folder = make_run(place / "r", {"name": "mine", "latent": 8})
info = folder.info()
folder.write_info(info.model_copy(update={"plugins": folder.keep_plugins(plugins)}))
export(folder.path, place / "e", None)
"""


def test_the_plugin_of_an_architecture_comes_along(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "other.py").write_text("# registers something else\n")
    made = subprocess.run(
        [sys.executable, "-c", MAKE_RUN, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (tmp_path / "mine.py").unlink()
    (copy,) = (tmp_path / "e" / "plugins").iterdir()
    assert copy.read_text() == PLUGIN
    done = run_script(tmp_path / "e", "mine.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    samples = (tmp_path / "e" / "samples.png").read_bytes()
    assert (tmp_path / "mine.png").read_bytes() == samples
    with pytest.raises(CheckpointError, match=r"plugins/mine-.*code that would be run; read it"):
        load_export(tmp_path / "e")
    copy.write_text(PLUGIN + "# changed\n")
    with pytest.raises(CheckpointError, match="is damaged: it has"):
        load_export(tmp_path / "e", run_plugins=True)


# -- loading what is not whole ---------------------------------------------------------------------


def cut(folder: Path) -> None:
    path = folder / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def change(folder: Path) -> None:
    path = folder / "generator.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def empty_config(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def edit(**changes: Any) -> Callable[[Path], None]:
    def editing(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return editing


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut, r"generator\.safetensors is damaged: it has \d+ bytes, config\.json says \d+"),
        (change, r"generator\.safetensors was changed: its SHA-256"),
        (lambda folder: (folder / "generator.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), "is no export: config.json cannot be"),
        (empty_config, r"config\.json is no export's of format 1: written_by"),
        (edit(format=2), "no export's of format 1: format"),
        (edit(files={}), "not listed in config.json"),
        (edit(files={"../x.py": {"bytes": 1, "sha256": "0" * 64}}), "no export's of format 1"),
        (edit(architecture={**DCGAN, "width": 5}), "does not fit architecture 'penn-dcgan'"),
        (edit(architecture={**DCGAN, "name": "nonesuch"}), "cannot be built.*unknown architecture"),
        (edit(architecture={**DCGAN, "depth": 5}), "cannot be built"),
        (edit(size=20), "cannot be built.*images of 20 pixels"),
        (edit(latents=9), "is another one in animesearch"),
    ],
)
def test_what_is_not_whole_is_refused(
    exported: Path, harm: Callable[[Path], None], words: str
) -> None:
    harm(exported)
    with pytest.raises(CheckpointError, match=words):
        load_export(exported)


def test_a_file_of_weights_that_is_none_is_refused(exported: Path) -> None:
    """With a fitting hash: safetensors' own words are passed on."""
    path = exported / "generator.safetensors"
    path.write_bytes(b"no weights")
    facts = {"bytes": 10, "sha256": module._facts(b"no weights").sha256}
    edit(files={"generator.safetensors": facts})(exported)
    with pytest.raises(CheckpointError, match="does not fit"):
        load_export(exported)


# -- the place -------------------------------------------------------------------------------------


def test_an_earlier_export_is_replaced_as_a_whole(run: RunFolder, exported: Path) -> None:
    cut(exported)
    export(run.path, exported, "t0001")
    assert read_export(exported).origin.trial == "t0001"
    assert sorted(path.name for path in exported.iterdir()) == FILES
    assert [path.name for path in exported.parent.iterdir()] == ["e"]
    assert same_images(run, exported, "t0001")


def test_an_empty_folder_and_a_link_to_one_are_filled(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    export(run.path, tmp_path / "link", None)
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == FILES
    assert (tmp_path / "link").is_symlink()


def test_other_folders_and_files_are_refused(
    run: RunFolder, exported: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not empty and is no earlier export"):
        export(run.path, other, None)
    with pytest.raises(UserError, match=r"config\.json is a file; choose another folder"):
        export(run.path, other / "config.json", None)
    with pytest.raises(UserError, match="not empty and is no earlier export"):
        export(run.path, run.path, None)
    (exported / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"it holds notes\.txt as well"):
        export(run.path, exported, None)
    assert (exported / "notes.txt").read_text() == "mine"


def test_places_that_cannot_be_written_are_told(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot"):
        export(run.path, tmp_path / "file" / "e", None)


def test_a_half_export_is_never_left(run: RunFolder, exported: Path) -> None:
    """A disk that is full after some of the files."""
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    weights = len(before["generator.safetensors"])
    assert weights + 1000 < len(before["samples.png"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (weights + 1000, limits[1]))
    try:
        for place in (exported, exported.with_name("new")):
            with pytest.raises(UserError, match=r"cannot write .*File too large"):
                export(run.path, place, "t0000")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in exported.parent.iterdir()] == ["e"]
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before


def test_an_export_that_cannot_take_its_place_leaves_the_earlier_one(exported: Path) -> None:
    with pytest.raises(FileNotFoundError):
        module._place(exported.with_name("absent"), exported)
    assert [path.name for path in exported.parent.iterdir()] == ["e"]
    assert sorted(path.name for path in exported.iterdir()) == FILES


def test_a_trial_or_a_checkpoint_that_is_not_there_is_told(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no trial 't0009'"):
        export(run.path, tmp_path / "e", "t0009")
    shutil.copytree(run.path, tmp_path / "r")
    for path in RunFolder(tmp_path / "r").checkpoints("t0000").iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunFolderError, match=r"^t0000: .* is damaged"):
        export(tmp_path / "r", tmp_path / "e", "t0000")
    assert not (tmp_path / "e").exists()
