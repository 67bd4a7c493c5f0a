"""Does every architecture learn?  Each is trained on the embedded faces, and its distance read.

    python benchmarks/architectures.py --out results            # all, two at a time
    python benchmarks/architectures.py --out results stylegan2  # some
    python benchmarks/architectures.py --out results --table    # the table of what is there

The settings stand in ``architectures.yaml`` beside this file: the smallest sensible size, the
learning rates, betas and losses of the system's source, widths that fit a CPU.  The measure is
the share of the gap that is closed between the untrained generator's distance and the floor,
the distance between two halves of the reals:

    closed = (untrained - trained) / (untrained - floor)

Autoencoders are judged by the squared error of their reconstructions of images that they have
not seen, relative to that of predicting the mean image.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

HERE = Path(__file__).parent
KIMG = 64
SAMPLES = 2000
REALS = 4000
HELD_OUT = 500


def main() -> None:
    """Run the named systems, each in a process of its own, and print the table."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((HERE / "architectures.yaml").read_text())
    names = arguments.names or list(settings)
    unknown = sorted(set(names) - set(settings))
    if unknown:
        sys.exit(f"architectures.yaml has no {', '.join(unknown)}; it has {', '.join(settings)}")
    if arguments.one:
        _measure(names[0], settings[names[0]], arguments)
        return
    if not arguments.table:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda name: _process(name, arguments), names))
    print(table(arguments.out, settings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="architectures; default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder of results and grids")
    parser.add_argument("--jobs", type=int, default=2, help="at a time, one thread each")
    parser.add_argument("--kimg", type=float, default=KIMG, help="thousands of images shown")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _process(name: str, arguments: argparse.Namespace) -> None:
    began = time.perf_counter()
    command = [sys.executable, __file__, name, "--one", "--out", str(arguments.out)]
    done = subprocess.run([*command, "--kimg", str(arguments.kimg)], check=False)
    seconds = time.perf_counter() - began
    print(f"{name}: exit {done.returncode}, {seconds:.0f} s", file=sys.stderr, flush=True)


def _measure(name: str, setting: dict[str, Any], arguments: argparse.Namespace) -> None:
    import torch

    from animesearch.trainers.config import TrialConfig

    torch.set_num_threads(1)
    config = TrialConfig.model_validate(setting["trial"])
    reals_NCHW = faces(setting["size"], setting.get("channels", 3))
    images = int(arguments.kimg * 1000)
    autoencoder = config.architecture.kind == "autoencoder"
    measure = _reconstruction if autoencoder else _distance
    found = measure(name, config, reals_NCHW, images, arguments.out)
    found |= {"name": name, "size": setting["size"], "images": images}
    (arguments.out / f"{name}.json").write_text(json.dumps(found, indent=1))


def faces(size: int, channels: int) -> npt.NDArray[np.uint8]:
    """The embedded faces, prepared as for a search (N, channels, size, size)."""
    from animesearch.datasets.config import DatasetConfig
    from animesearch.datasets.pipeline import prepare
    from animesearch.tuning.cluster_session import ray_session

    source = {"name": "faces", "count": REALS + HELD_OUT}
    config = DatasetConfig.model_validate({"source": source, "size": size, "channels": channels})
    with ray_session():
        return np.array(prepare(config).images_NCHW)


def _distance(
    name: str, config: Any, reals_NCHW: npt.NDArray[np.uint8], images: int, out: Path
) -> dict[str, Any]:
    """Untrained, trained and floor, in fd-lite0 against the reals."""
    from animesearch.metrics.evaluator import Evaluator
    from animesearch.metrics.features import FEATURES
    from animesearch.metrics.reals import RealImages, Reals

    spec = FEATURES.parse("lite0")
    reals_NCHW = reals_NCHW[:REALS]
    *_, real = RealImages(reals_NCHW, spec, f"faces-{name}").measured([SAMPLES])
    assert isinstance(real, Reals)
    evaluator = Evaluator(spec, real.statistics, SAMPLES)
    found: dict[str, Any] = {"floor": real.floors[SAMPLES]}
    reports, untrained = train_one(config, reals_NCHW, images, out / name, evaluator)
    last = reports[-1]
    scored = [report for report in reports if report.score is not None]
    found |= {
        "metric": spec.metric_name,
        "untrained": untrained,
        "scores": [[report.images, report.score] for report in scored],
        "verdict": last.verdict,
        "evidence": last.evidence,
        "images_per_second": scored[-1].images_per_second if scored else None,
    }
    if scored:
        gap = untrained - found["floor"]
        found["closed"] = (untrained - scored[-1].score) / gap
        found["best_closed"] = (untrained - min(r.score for r in scored)) / gap
    return found


def train_one(
    config: Any, reals_NCHW: npt.NDArray[np.uint8], images: int, folder: Path, evaluator: Any
) -> tuple[list[Any], float | None]:
    """All reports of a fresh trial, and the untrained generator's distance."""
    import shutil

    from animesearch.datasets.batches import PackedBatches
    from animesearch.metrics.verdict import VerdictRules
    from animesearch.trainers.loop import train
    from animesearch.trainers.setting import TrialSetting
    from animesearch.trainers.trial import Trial

    shutil.rmtree(folder, ignore_errors=True)
    _, channels, size, _ = reals_NCHW.shape
    rungs = tuple(images * part // 8 for part in (1, 2, 4, 8))
    rules = VerdictRules(ignore=("d-blind",))
    setting = TrialSetting(folder, size, channels, images, rungs, 2000, rules=rules)
    data = PackedBatches(reals_NCHW, config.batch, seed=0)
    untrained = None
    if evaluator is not None:
        import torch

        torch.manual_seed(0)
        fresh = Trial(config, replace(setting, folder=folder / "untrained"), data)
        untrained = evaluator.score(fresh.sampler).value
    reports = []
    for report in train(config, setting, data, evaluator.score if evaluator else None):
        reports.append(report)
        print(_line(folder.name, report), file=sys.stderr, flush=True)
    return reports, untrained


def _line(name: str, report: Any) -> str:
    parts = [f"{name} {report.images / 1000:.0f} kimg", f"{report.images_per_second or 0:.0f}/s"]
    parts += [f"loss_g {report.loss_g:.3g}"] if report.loss_g is not None else []
    parts += [f"score {report.score:.0f}"] if report.score is not None else []
    parts += [f"{report.verdict}: {report.evidence}"] if report.verdict else []
    return ", ".join(parts)


def _reconstruction(
    name: str, config: Any, reals_NCHW: npt.NDArray[np.uint8], images: int, out: Path
) -> dict[str, Any]:
    """Squared error on unseen images in [0, 1] units, and that of the mean image."""
    import torch

    from animesearch.trainers.building import build_networks
    from animesearch.trainers.checkpoint import latest_checkpoint

    seen_NCHW, unseen_NCHW = reals_NCHW[:REALS], reals_NCHW[REALS:]
    reports, _ = train_one(config, seen_NCHW, images, out / name, None)
    newest = latest_checkpoint(out / name / "checkpoints")
    assert newest is not None
    networks = build_networks(config, seen_NCHW.shape[-1], seen_NCHW.shape[1])
    networks.encoder.load_state_dict(newest[1]["modules"]["encoder"])
    networks.generator.load_state_dict(newest[1]["modules"]["average"])
    low, high = networks.generator.output_range
    x_NCHW = torch.from_numpy(unseen_NCHW).float() / 255
    with torch.no_grad():
        code = networks.encoder.eval()(x_NCHW * (high - low) + low)
        x_hat_NCHW = (networks.decoder.eval().decode(code.mean_BZ) - low) / (high - low)
    mean_CHW = torch.from_numpy(seen_NCHW.mean(0) / 255).float()
    _save_pairs(x_NCHW[:32], x_hat_NCHW[:32], out / name / "reconstructions.png")
    return {
        "metric": "mean squared error",
        "trained": float((x_hat_NCHW - x_NCHW).square().mean()),
        "mean_image": float((x_NCHW - mean_CHW).square().mean()),
        "verdict": reports[-1].verdict,
        "images_per_second": reports[-1].images_per_second,
    }


def _save_pairs(x_NCHW: Any, x_hat_NCHW: Any, path: Path) -> None:
    """Reals above their reconstructions."""
    import torch

    from animesearch.trainers.sampling import grid_image, save_png

    pairs = zip(x_NCHW.split(8), x_hat_NCHW.split(8), strict=True)
    pixels_NCHW = (
        (torch.cat([part for pair in pairs for part in pair]).clamp(0, 1) * 255)
        .round()
        .byte()
        .numpy()
    )
    save_png(grid_image(pixels_NCHW, 8), path)


def table(out: Path, settings: dict[str, Any]) -> str:
    """Markdown of all results in ``out``, in the order of the settings."""
    lines = [
        "| system | px | images/s | untrained | trained | floor | closed | remark |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in settings:
        path = out / f"{name}.json"
        if path.exists():
            lines.append(_row(json.loads(path.read_text())))
    return "\n".join(lines)


def _row(found: dict[str, Any]) -> str:
    speed = found["images_per_second"] or 0
    start = f"| {found['name']} | {found['size']} | {speed:.0f} "
    remark = found["verdict"] or ""
    if "mean_image" in found:
        ratio = found["trained"] / found["mean_image"]
        return (
            f"{start}| {found['mean_image']:.4f} (mean image) | {found['trained']:.4f} | 0 "
            f"| {1 - ratio:.0%} of the squared error | {remark} |"
        )
    scores = found["scores"]
    trained = f"{scores[-1][1]:.0f}" if scores else "none"
    closed = f"{found['closed']:.0%}" if scores else "none"
    untrained, floor = found["untrained"], found["floor"]
    return f"{start}| {untrained:.0f} | {trained} | {floor:.0f} | {closed} | {remark} |"


if __name__ == "__main__":
    main()
