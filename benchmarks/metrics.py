"""The metrics side by side with pytorch-fid, clean-fid and torch-fidelity: equal, and how fast.

    pip install pytorch-fid==0.3.0 clean-fid torch-fidelity     # the peers
    python benchmarks/metrics.py                                # everything, about ten minutes
    python benchmarks/metrics.py frechet measures               # some parts
    python benchmarks/metrics.py --json results.json            # also writes all numbers there

``network``: features and FID against pytorch-fid's, and both passes' time; KID, precision and
recall of those features against torch-fidelity's.  ``clean``: FID against clean-fid's mode
``clean``.  ``measures``: KID, precision and recall on lite0 features, at the usual counts.
``frechet``: the distance from features on, against pytorch-fid's.

The published Inception weights are not used: all packages load one seeded random state dict of
that network, placed where each of them looks for its weights, below a torch hub folder of this
call's own; clean-fid loads a scripted module of pytorch-fid's network.  Random weights whose
features are degenerate end the call.  Images are drawn faces of 64 px, and blurred ones.

What is compared runs in one call, in turns, and ratios of medians are printed: machines need not
be alike.  One thread is judged by processor time, which a busy machine moves little; two by the
wall.  A loader's process is not in pytorch-fid's processor time.  BLAS has one thread unless
``--blas`` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from metrics_parts import distances, passes
from metrics_parts.common import Bench, Finding, tell

PEERS: Final = ("pytorch-fid", "clean-fid", "torch-fidelity")
LIBRARIES: Final = ("torch", "torchvision", "numpy", "scipy", "pillow")

PARTS: Final[dict[str, Callable[[Bench], list[Finding]]]] = {
    "network": passes.network_part,
    "clean": passes.clean_part,
    "measures": distances.measures_part,
    "frechet": distances.frechet_part,
}


def main() -> None:
    """Run the parts, print the table."""
    arguments = _arguments()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(arguments.blas)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder goes then too
    for kind in (DeprecationWarning, FutureWarning):  # of what the peers call
        warnings.filterwarnings("ignore", category=kind)
    began, findings = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="metrics-") as scratch:
        folder = Path(scratch).resolve()
        os.environ["TORCH_HOME"] = str(folder / "torch")
        bench = Bench(folder, arguments.images, arguments.repeat)
        for part in arguments.parts or PARTS:
            findings += PARTS[part](bench)
            if arguments.json:
                content = {"machine": machine(), "findings": [asdict(f) for f in findings]}
                arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    tell(f"{time.perf_counter() - began:.0f} s in all")
    print("| | found | goal | | |\n|---|---|---|---|---|")
    print("\n".join(finding.row() for finding in findings))


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in (*PEERS, *LIBRARIES)},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; or all")
    parser.add_argument("--images", type=int, default=240, help="a side, for Inception")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are compared")
    parser.add_argument("--blas", type=int, default=1, help="threads of BLAS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers there")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; allowed: {', '.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    main()
