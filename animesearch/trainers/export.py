"""``animesearch export``: a trained generator as a folder that stands on its own.

::

    generator.safetensors  weights: the moving average of G
    config.json            the architecture that they belong to, and the hashes of the files
    README.md              model card: what it is, options, numbers, protocol, data, seeds
    sample.py              loads and samples it
    samples.png            64 samples
    plugins/               the file of the architecture, where that is a plug-in's

The folder is written beside its place and renamed, so that a half one is never seen.  An empty
folder is filled; an earlier export is replaced as a whole; any other folder is refused, and so
is an export that holds other files too.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from animesearch import __version__
from animesearch.errors import CheckpointError, RunFolderError, UnsupportedError, UserError
from animesearch.files import open_regular, read_bounded, write_atomic, write_json
from animesearch.plugins import PREFIX, load_plugins
from animesearch.registry import Options
from animesearch.results.folder import RunFolder
from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.card import model_card, plain_config
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.generate import faults_told, find_checkpoint, open_run
from animesearch.trainers.models import (
    Frame,
    TrainedGenerator,
    finished,
    load_generator,
    refuse_larger,
    untrained,
)
from animesearch.trainers.modules.networks import Generator
from animesearch.trainers.sampling import grid_image, save_png

FORMAT = 1
WEIGHTS, CONFIG, CARD = "generator.safetensors", "config.json", "README.md"
SCRIPT, PICTURE = "sample.py", "samples.png"
PLUGINS = "plugins"
MOST_CONFIG = 64_000_000
"""Bytes of config.json, which has a few thousand."""
MOST_DISCARDED = 2**28
"""Parameters of the network that is built beside G and let go, which an export does not hold."""
OWN = frozenset({WEIGHTS, CONFIG, CARD, SCRIPT, PICTURE, PLUGINS})
FILE = rf"^({WEIGHTS}|{PLUGINS}/[A-Za-z0-9_-][A-Za-z0-9._-]*\.py)$"
"""Paths within an export: nothing that leads out of it."""
SAMPLES, COLUMNS = 64, 8
SAMPLE_SCRIPT = '''\
"""Draws 64 images with the generator beside this file: python sample.py out.png"""
import sys
from pathlib import Path

from animesearch.trainers.export import load_export, read_export
from animesearch.trainers.sampling import Sampler, grid_image, save_png

folder = Path(__file__).parent
generator = load_export(folder, run_plugins=True)
sampler = Sampler(generator, class_shares=read_export(folder).class_shares)
out = Path(sys.argv[1] if len(sys.argv) > 1 else "out.png")
save_png(grid_image(sampler(0, 64).numpy(), columns=8), out)
'''


class Origin(Options):
    """The trial that an export comes from."""

    run: str
    trial: str
    config_id: str
    seed: int


class ExportedFile(Options):
    """What a file must be, for what is loaded to be what was exported."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ExportConfig(Options):
    """The content of ``config.json``.

    ``architecture`` (its options) and ``spectral_norm`` are what the network is built from;
    ``latents`` the dimensions of z, ``images`` of ``budget`` the real images shown; ``training``
    is the rest of the trial's configuration, for the record.  ``files`` are those that loading
    reads.
    """

    format: Literal[1] = 1
    written_by: str = Field(pattern=r"^animesearch ")
    architecture: dict[str, Any]
    spectral_norm: str
    size: int = Field(ge=1)
    channels: int = Field(ge=1)
    classes: tuple[str, ...]
    class_shares: tuple[float, ...]
    latents: int = Field(ge=1)
    output_range: tuple[float, float]
    images: int = Field(ge=0)
    budget: int = Field(ge=1)
    origin: Origin
    training: dict[str, Any]
    files: dict[Annotated[str, Field(pattern=FILE)], ExportedFile]


def export(run: str | Path, out: Path, trial_id: str | None) -> str:
    """Write the generator of ``trial_id``, or of the best trial, to the folder ``out``; the trial.

    Raises :class:`UserError` subclasses where there is no checkpoint or a damaged one, and for a
    folder that is taken or cannot be written.
    """
    out = out.resolve()
    refuse_taken(out)
    folder = open_run(run)
    chosen, checkpoint = find_checkpoint(folder, trial_id)
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    with faults_told(chosen):
        trained = load_generator(checkpoint)
        try:
            _write(temporary, folder, chosen, trained)
            _place(temporary, out)
        except OSError as error:
            raise UserError(f"cannot write {out}: {error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return chosen


def load_export(folder: Path, device: str = "cpu", run_plugins: bool = False) -> Generator:
    """The generator of an export, in evaluation mode, its weights constant.

    ``Sampler(load_export(folder), class_shares=read_export(folder).class_shares)`` draws the
    very images that the trial's own checkpoint does.  Torch's random state stays as it is.
    No code of the folder is run, unless its architecture is a plug-in's and ``run_plugins`` is
    set.  Raises :class:`CheckpointError` for a folder that is no export, for a file that is
    missing, cut or changed, and for an architecture that is not known here;
    :class:`UserError` for a plug-in that cannot be imported.
    """
    config = read_export(folder)
    _know_architecture(folder, config, run_plugins)
    content = _checked(folder / WEIGHTS, config.files.get(WEIGHTS))
    frame = Frame(
        size=config.size,
        channels=config.channels,
        images=config.images,
        budget=config.budget,
        classes=config.classes,
        class_shares=config.class_shares,
    )
    try:
        weights = safetensors.load(content)
        generator = _built(folder, config, frame, weights)
        generator.to(torch.device(device)).load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit architecture '{config.architecture.get('name')}' "
            f"of animesearch {__version__} (written by {config.written_by}): {error}"
        ) from error
    return finished(generator)


def read_export(folder: Path) -> ExportConfig:
    """The checked ``config.json`` of an export; :class:`CheckpointError` where there is none."""
    path = folder / CONFIG
    try:
        return ExportConfig.model_validate_json(read_bounded(path, MOST_CONFIG))
    except OSError as error:
        raise CheckpointError(f"{folder} is no export: {CONFIG} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise CheckpointError(
            f"{path} is no export's of format {FORMAT}: {where}: {first['msg']}"
        ) from error


def refuse_taken(out: Path) -> None:
    """Raise :class:`UserError` where ``out`` is neither absent, nor empty, nor an export alone."""
    try:
        names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file; choose another folder with -o")
    except OSError as error:
        raise UserError(f"cannot look into {out}: {error}") from error
    if not names:
        return
    try:
        read_export(out)
    except CheckpointError:
        raise UserError(
            f"{out} exists, is not empty and is no earlier export; choose another folder with -o"
        ) from None
    others = [name for name in names if name not in OWN]
    if others:
        raise UserError(
            f"{out} is an earlier export, which would be replaced, but it holds {others[0]} as "
            "well; choose another folder with -o"
        )


def _write(place: Path, folder: RunFolder, trial_id: str, trained: TrainedGenerator) -> None:
    info, trial = folder.info(), folder.state().trial(trial_id)
    state = trained.generator.state_dict()
    weights = {
        # Each a tensor of its own: safetensors refuses shared and oddly laid out memory.
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    content = safetensors.save(weights, metadata={"format": "pt"})
    files = {WEIGHTS: content, **_plugin_files(folder, trained.config.architecture)}
    origin = Origin(
        run=info.name,
        trial=trial_id,
        config_id=trial.created.config_id,
        seed=trial.created.seed,
    )
    config = _config(trained, origin, {name: _facts(part) for name, part in files.items()})
    for name, part in files.items():
        write_atomic(place / name, part)
    write_json(place / CONFIG, config.model_dump(mode="json"))
    write_atomic(place / CARD, model_card(info, trial, trained).encode())
    write_atomic(place / SCRIPT, SAMPLE_SCRIPT.encode())
    x_NCHW = trained.sampler(0, SAMPLES).numpy()
    save_png(grid_image(x_NCHW, COLUMNS), place / PICTURE)


def _config(
    trained: TrainedGenerator, origin: Origin, files: dict[str, ExportedFile]
) -> ExportConfig:
    training = plain_config(trained.config)
    frame, generator = trained.frame, trained.generator
    return ExportConfig(
        written_by=f"animesearch {__version__}",
        architecture=training.pop("architecture"),
        spectral_norm=training.pop("spectral_norm"),
        size=frame.size,
        channels=frame.channels,
        classes=frame.classes,
        class_shares=frame.class_shares,
        latents=generator.latent_dim,
        output_range=generator.output_range,
        images=frame.images,
        budget=frame.budget,
        origin=origin,
        training=training,
        files=files,
    )


def _place(temporary: Path, out: Path) -> None:
    """Rename to ``out``; an earlier export steps aside, and back if that fails."""
    if not out.is_dir() or not any(out.iterdir()):
        temporary.replace(out)
        return
    aside = temporary.with_name(f"{temporary.name}.old")
    out.rename(aside)
    try:
        temporary.replace(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _plugin_files(folder: RunFolder, architecture: ArchitectureSpec) -> dict[str, bytes]:
    """The plug-in that defines the architecture, if one does, by its path in the export.

    A plug-in stands for itself, so that no other file of the run is needed.
    """
    module = type(architecture).__module__
    if not module.startswith(PREFIX):
        return {}
    for plugin in folder.kept_plugins(folder.info()):
        if plugin.module == module:
            return {f"{PLUGINS}/{plugin.copy_name}": plugin.source}
    raise RunFolderError(
        f"architecture '{architecture.name}' is a plug-in's, and {folder.path} keeps no copy of it"
    )


def _know_architecture(folder: Path, config: ExportConfig, run_plugins: bool) -> None:
    """Import the export's plug-ins where its architecture is not registered yet."""
    needed = [name for name in config.files if name.startswith(f"{PLUGINS}/")]
    if not needed or config.architecture.get("name") in ARCHITECTURES.names():
        return
    if not run_plugins:
        raise CheckpointError(
            f"{folder}: the architecture is a plug-in's, in {', '.join(needed)}: code that would "
            "be run; read it, then load with run_plugins=True"
        )
    for name in needed:
        _checked(folder / name, config.files[name])
    load_plugins(folder / name for name in needed)


def _facts(content: bytes) -> ExportedFile:
    return ExportedFile(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _checked(path: Path, expected: ExportedFile | None) -> bytes:
    """The content of a file; :class:`CheckpointError` where it is not what was exported."""
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if expected is None:
        raise CheckpointError(f"{path} is not listed in {CONFIG}")
    found = _facts(content)
    if found.bytes != expected.bytes:
        raise CheckpointError(
            f"{path} is damaged: it has {found.bytes} bytes, {CONFIG} says {expected.bytes}"
        )
    if found.sha256 != expected.sha256:
        raise CheckpointError(f"{path} was changed: its SHA-256 is not that in {CONFIG}")
    return content


def _built(
    folder: Path, config: ExportConfig, frame: Frame, weights: dict[str, Tensor]
) -> Generator:
    """An untrained generator of the exported design, on the CPU."""
    parts = {"architecture": config.architecture, "spectral_norm": config.spectral_norm}
    held = {
        "generator": sum(tensor.numel() for tensor in weights.values()),
        "partner": MOST_DISCARDED,
    }
    try:
        trial = TrialConfig.model_validate(parts)
        refuse_larger(trial, frame, held, folder / CONFIG)
        generator = untrained(trial, frame).generator
    except (ValidationError, UnsupportedError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise CheckpointError(
            f"{folder / CONFIG} cannot be built by animesearch {__version__}: {words}"
        ) from error
    if (generator.latent_dim, generator.output_range) != (config.latents, config.output_range):
        raise CheckpointError(
            f"{folder / CONFIG}: architecture '{config.architecture.get('name')}' is another one "
            f"in animesearch {__version__} than in {config.written_by}"
        )
    return generator
