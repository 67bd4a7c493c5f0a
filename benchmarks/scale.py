"""What a search costs that trains nothing: the orchestration alone, and what of it grows.

    python benchmarks/scale.py                      # race, sampler, journal and view without Ray
    python benchmarks/scale.py --trials 10000 --sampler random --storage none
    python benchmarks/scale.py ray                  # under Ray Tune, on 8 nodes x 4 GPUs made up
    python benchmarks/scale.py ray --trials 1000 --out runs   # keeps the run in runs/ray-1000
    python benchmarks/scale.py --json results.json        # also writes all numbers there

Each column is a process of its own.  Configurations are drawn from ``anime-64.yaml``; scores and
all that a report holds beside them are drawn by lot.  ``ms`` per trial is processor time of the
driver where it does not say ``wall``; on a machine with other users the wall tells of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

COUNTS = {"pure": (125, 250, 500, 1000, 2000, 5000, 10000), "ray": (100, 250, 500, 1000)}
PARTS = tuple(COUNTS)


def main() -> None:
    """Run the parts, a table for each."""
    arguments = _arguments()
    if arguments.one:
        print(json.dumps(_measure(arguments)))
        return
    results: dict[str, Any] = {"machine": _machine()}
    print("  ".join(f"{name} {value}" for name, value in results["machine"].items()))
    for part in arguments.parts or PARTS[:1]:
        counts = arguments.trials or COUNTS[part]
        rows = [_in_a_process(part, count, arguments) for count in counts]
        results[part] = rows
        _table(part, rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--trials", type=int, nargs="+", help="how many, one or more numbers")
    parser.add_argument("--sampler", default="tpe", help="tpe or random")
    parser.add_argument("--storage", default="sqlite", help="of the study: sqlite, journal or none")
    parser.add_argument("--nodes", type=int, default=8, help="of the cluster, for the part ray")
    parser.add_argument("--gpus", type=int, default=4, help="of each of its nodes")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between its reports")
    parser.add_argument("--out", type=Path, help="folder to keep the runs in, each a new one")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part '{min(unknown)}'; allowed: {', '.join(PARTS)}")
    return arguments


def _in_a_process(part: str, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """So that memory is one run's own, and no Ray is left behind."""
    command = [sys.executable, __file__, part, "--one", "--trials", str(count)]
    command += ["--sampler", arguments.sampler, "--storage", arguments.storage]
    command += ["--nodes", str(arguments.nodes), "--gpus", str(arguments.gpus)]
    command += ["--pause", str(arguments.pause)]
    if arguments.out:
        command += ["--out", str(arguments.out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from scale_parts import pure, tuned
    from scale_parts.search import Wanted

    (part,), (trials,) = arguments.parts, arguments.trials
    wanted = Wanted(trials, arguments.sampler, arguments.storage, arguments.pause)
    with tempfile.TemporaryDirectory() as scratch:
        path = (arguments.out or Path(scratch)).absolute() / f"{part}-{trials}"
        if path.exists():
            sys.exit(f"{path} is there already")
        if part == "pure":
            return pure.measure(path, wanted)
        return tuned.measure(path, wanted, arguments.nodes, arguments.gpus)


def _machine() -> dict[str, Any]:
    libraries = {name: version(name) for name in ("ray", "optuna", "pydantic")}
    load = f"{os.getloadavg()[0]:.1f}"
    return {"python": platform.python_version(), **libraries, "cores": os.cpu_count(), "load": load}


def _table(part: str, rows: list[dict[str, Any]]) -> None:
    """A line for each number, a column for each run."""
    print(f"\n{part}")
    for name in rows[0]:
        cells = [f"{row[name]:.2f}" if isinstance(row[name], float) else str(row[name])
                 for row in rows]  # fmt: skip
        print(f"{name:18}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
