"""The model card of an export: facts from the run folder, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from animesearch import __version__
from animesearch.results.formats import clean, score_text
from animesearch.results.ranking import why_ended
from animesearch.results.records import RunInfo
from animesearch.results.state import TrialRecord
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.models import TrainedGenerator
from animesearch.trainers.report import Report

COLOURS = {1: "grey", 3: "colour"}
SHOWN = {
    "sample_diversity": "diversity of samples, relative to reals",
    "d_accuracy": "share of D's right verdicts on reals and fakes",
    "real_score": "D's mean output on reals",
    "fake_score": "D's mean output on fakes",
    "loss_g": "loss of G (of an autoencoder: its whole loss)",
    "loss_d": "loss of D",
}
"""Readings of the checkpoint's report that go into the card, with their names in words."""
LOADING = """\
`sample.py` draws 64 images (`python sample.py out.png`); the package `animesearch` must be
installed. In Python:

```python
from pathlib import Path
from animesearch.trainers.export import load_export, read_export
from animesearch.trainers.sampling import Sampler

folder = Path(".")
sampler = Sampler(load_export(folder), class_shares=read_export(folder).class_shares)
x_NCHW = sampler(0, 16)  # uint8 images of the samples number 0 to 15
```

`generator.safetensors` holds weights alone: no code is run by reading it. `config.json` names the
architecture that they belong to, and the SHA-256 of the files that loading needs. Where there is a
folder `plugins`, it holds the code of the architecture, which `sample.py` runs and `load_export`
runs with `run_plugins=True` only.
"""


def model_card(info: RunInfo, trial: TrialRecord, trained: TrainedGenerator) -> str:
    """The text of an export's README.md."""
    architecture, frame = trained.config.architecture, trained.frame
    title = f"# {clean(info.name)}, trial {trial.trial_id}: {architecture.name}"
    what = (
        f"A generator of {COLOURS.get(frame.channels, frame.channels)} images of {frame.size} x "
        f"{frame.size} pixels, exported by animesearch {__version__} from a run that animesearch "
        f"{clean(info.version)} made ({clean(info.created)})."
    )
    parts = [
        title,
        what,
        "![64 samples](samples.png)",
        _table(_facts(info, trial, trained)),
        "## Numbers",
        _table(_numbers(info, trial, trained.report)),
        "## Protocol of the score",
        f"Scores of `{clean(info.metric)}` compare only under the same protocol.",
        _fenced(info.protocol),
        "## Data",
        _fenced(_data(info)),
        "## Options of the trial",
        _fenced(plain_config(trained.config)),
        "## Environment",
        _fenced(dict(info.environment)),
        "## Loading",
        LOADING,
    ]
    return "\n\n".join(parts).rstrip() + "\n"


def plain_config(config: TrialConfig) -> dict[str, Any]:
    """The trial's options as plain values; of another run's folder only the name."""
    dumped: dict[str, Any] = config.model_dump(mode="json")
    start = dumped.get("start")
    if isinstance(start, dict):
        start["run"] = str(start["run"]).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return dumped


def _facts(
    info: RunInfo, trial: TrialRecord, trained: TrainedGenerator
) -> Iterable[tuple[str, str]]:
    config, frame, generator = trained.config, trained.frame, trained.generator
    low, high = generator.output_range
    yield "architecture", f"`{config.architecture.name}`: {config.architecture.summary()}"
    yield "source", config.architecture.source
    yield "parameters of G", f"{sum(p.numel() for p in generator.parameters()):,}"
    yield "weights", f"moving average of G, half-life {config.ema.half_life:,} images"
    yield "latents", f"{generator.latent_dim} standard normals"
    yield "output", f"{frame.channels} channels in [{low:g}, {high:g}]"
    yield "classes", _classes(frame.classes, frame.class_shares)
    yield "loss", f"`{config.loss.name}`: {config.loss.summary()}"
    yield "real images shown", f"{frame.images:,} of a budget of {frame.budget:,}"
    yield "verdict at this checkpoint", trained.report.verdict or "none"
    yield "end of the trial", _end(trial)
    yield "configuration", f"{trial.created.config_id} (seed {trial.created.seed})"
    yield "seed of the run", str(info.seed)
    yield "data digest", str(info.dataset.get("digest", "not recorded"))


def _classes(names: tuple[str, ...], shares: tuple[float, ...]) -> str:
    pairs = (f"{name} ({share:.1%})" for name, share in zip(names, shares, strict=True))
    return ", ".join(pairs) or "none"


def _end(trial: TrialRecord) -> str:
    why = why_ended(trial)
    return f"{trial.state} ({why})" if why else trial.state


def _numbers(info: RunInfo, trial: TrialRecord, report: Report) -> Iterable[tuple[str, str]]:
    metric = report.metric or info.metric
    yield f"{metric} at {report.images:,} images (lower is better)", score_text(report.score)
    if trial.rescored is not None:
        fresh = f"{info.metric} on {trial.rescored.samples:,} fresh samples after the race"
        yield fresh, score_text(trial.rescored.score)
    for name, words in SHOWN.items():
        value = getattr(report, name, None)
        if value is not None:
            yield f"{words} (`{name}`)", f"{value:.4g}"


def _data(info: RunInfo) -> dict[str, Any]:
    """What the run folder says of its data, without the place on that machine."""
    data = dict(info.dataset)
    options = data.get("options")
    if isinstance(options, dict):
        data["options"] = {name: value for name, value in options.items() if name != "source"}
    return data


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(text: str) -> str:
    return clean(text).replace("|", "\\|")


def _fenced(value: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(_json_like(value), sort_keys=False, allow_unicode=False, width=100)
    return f"```yaml\n{text.replace('```', '` ` `')}```"


def _json_like(value: Any) -> Any:
    """Plain dicts and lists: the safe dumper knows no others."""
    if isinstance(value, Mapping):
        return {str(key): _json_like(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_like(item) for item in value]
    return value
