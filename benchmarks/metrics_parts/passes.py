"""Inception features and FID, against pytorch-fid and clean-fid."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics_parts.common import (
    Bench,
    Finding,
    Turns,
    against_torch_fidelity,
    moments,
    our_measure,
    peer_distance,
    tell,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from animesearch.metrics.features import FeatureNetwork
    from animesearch.metrics.measures import Side
    from metrics_parts.common import Features

THREADS = {"real": 1, "fake": 2}


def network_part(bench: Bench) -> list[Finding]:
    """pytorch-fid's pass and ours: the reals by one thread, the fakes by two."""
    import torch

    network, peer = bench.network("pytorch-fid"), bench.pytorch_fid()
    found, ours, theirs = [], {}, {}
    for side, threads in THREADS.items():
        torch.set_num_threads(threads)
        turns, ours[side], theirs[side] = _passes(bench, side, network, peer)
        what = f"feature pass, {threads} thread{'s' if threads > 1 else ''}, against pytorch-fid"
        remark = f"; medians of {bench.repeat} × {len(ours[side]) // bench.repeat} images"
        found.append(turns.finding(what, 1.5, "processor" if threads == 1 else "wall", remark))
    torch.set_num_threads(1)
    tell("distances")
    _sound(ours)
    there = peer_distance(*moments(theirs["fake"]), *moments(theirs["real"]))
    equal = _fid("pytorch-fid", ours, theirs, there, 1e-3)
    return [equal, *found, *against_torch_fidelity("Inception", ours)]


def clean_part(bench: Bench) -> list[Finding]:
    """clean-fid's mode ``clean`` against our policy of that name, on half as many images."""
    import torch
    from cleanfid.fid import fid_from_feats, get_files_features

    network, peer = bench.network("clean"), bench.clean_fid()
    torch.set_num_threads(2)
    ours, theirs = {}, {}
    for side, files in bench.files.items():
        some = files[: max(2, len(files) // 2)]
        tell(f"clean: {len(some)} {side} images")
        ours[side] = our_pass(network, some).features_ND
        theirs[side] = get_files_features(
            some, peer, num_workers=0, batch_size=50, device="cpu", mode="clean", verbose=False
        )
    torch.set_num_threads(1)
    _sound(ours)
    tell("distances")
    there = float(fid_from_feats(theirs["fake"], theirs["real"]))
    return [_fid("clean-fid", ours, theirs, there, 1e-2)]


def our_pass(network: FeatureNetwork, files: Sequence[Path]) -> Side:
    """From files to features, as ``animesearch evaluate`` does."""
    import numpy as np
    from PIL import Image

    from animesearch.metrics.collect import collect

    def read(path: Path) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1))

    return collect(network, ((number, read(path)) for number, path in enumerate(files)))


def _passes(
    bench: Bench, side: str, network: FeatureNetwork, peer: Any
) -> tuple[Turns, Features, Features]:
    """Each image once through both networks, a share of them in each turn."""
    import numpy as np
    from pytorch_fid.fid_score import get_activations

    files, turns, parts = bench.files[side], Turns(), []
    our_pass(network, files[:40])  # kernels are chosen in the first pass
    get_activations(files[:4], peer, batch_size=4)
    for number, rows in enumerate(np.array_split(np.arange(len(files)), bench.repeat), 1):
        tell(f"features, {THREADS[side]} thread(s), turn {number} of {bench.repeat}")
        chunk = [files[row] for row in rows]
        parts.append(
            turns.run(
                lambda c=chunk: our_pass(network, c).features_ND,
                lambda c=chunk: get_activations(c, peer),
            )
        )
    ours, theirs = (np.concatenate(side) for side in zip(*parts, strict=True))
    return turns, ours, theirs


def _fid(
    peer: str, ours: dict[str, Features], theirs: dict[str, Features], there: float, goal: float
) -> Finding:
    """Relative difference of the distances, each package's own from its own features."""
    import numpy as np

    here = our_measure("frechet", ours)["frechet"]
    off = max(float(np.abs(ours[side] - theirs[side]).max()) for side in ours)
    spread = float(theirs["real"].std(axis=0).mean())
    text = (
        f"{here:.6g} against {there:.6g}, {len(ours['real'])} + {len(ours['fake'])} images; "
        f"features within {off / spread:.1g} of their standard deviation"
    )
    numbers = {"ours": here, "theirs": there, "features_off": off, "spread": spread}
    difference = abs(here - there) / there
    return Finding(f"FID, relative difference to {peer}", difference, goal, False, text, numbers)


def _sound(features: dict[str, Features]) -> None:
    """Ends the call where the random network hardly tells images apart."""
    import numpy as np

    centred_ND = (features["real"] - features["real"].mean(axis=0)).astype(np.float64)
    shares_N = np.linalg.svd(centred_ND, compute_uv=False) ** 2
    shares_N /= shares_N.sum()
    full, rank = len(centred_ND) - 1, int((shares_N > 1e-9).sum())
    constant = int((centred_ND.std(axis=0) == 0).sum())
    halves = {"real": features["real"][::2], "fake": features["real"][1::2]}
    floor, distance = (our_measure("frechet", sides)["frechet"] for sides in (halves, features))
    tell(
        f"random features: rank {rank} of {full}, largest direction {shares_N[0]:.0%} of the "
        f"variance, {constant} constant; distance {distance:.4g}, of two halves {floor:.4g}"
    )
    if rank < full or shares_N[0] > 0.6 or constant or distance < 1.2 * floor:
        sys.exit("the random network's features are degenerate: nothing to compare")
