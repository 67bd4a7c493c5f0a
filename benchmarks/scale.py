"""What a search costs that trains nothing: the orchestration alone, and what of it grows.

    python benchmarks/scale.py                      # race, sampler, journal and view without Ray
    python benchmarks/scale.py --trials 10000 --sampler random --storage none
    python benchmarks/scale.py --json results.json        # also writes all numbers there

Each line is a process of its own.  Configurations are drawn from ``anime-64.yaml``; scores and all
that a report holds beside them are drawn by lot.  ``ms`` per trial is processor time of the driver
where it does not say ``wall``; on a machine with other users the wall tells of them.
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

COUNTS = (125, 250, 500, 1000, 2000, 5000, 10000)
PARTS = ("pure",)


def main() -> None:
    """Run the parts, a table for each."""
    arguments = _arguments()
    if arguments.one:
        print(json.dumps(_measure(arguments)))
        return
    results: dict[str, Any] = {"machine": _machine()}
    print("  ".join(f"{name} {value}" for name, value in results["machine"].items()))
    for part in arguments.parts or PARTS:
        counts = arguments.trials or COUNTS
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
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from scale_parts import pure

    with tempfile.TemporaryDirectory() as scratch:
        return pure.measure(
            Path(scratch) / "run", arguments.trials[0], arguments.sampler, arguments.storage
        )


def _machine() -> dict[str, Any]:
    libraries = {name: version(name) for name in ("ray", "optuna", "pydantic")}
    load = f"{os.getloadavg()[0]:.1f}"
    return {"python": platform.python_version(), **libraries, "cores": os.cpu_count(), "load": load}


def _table(part: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{part}")
    names = list(rows[0])
    widths = [max(len(name), 7) for name in names]
    print("  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for row in rows:
        cells = [f"{value:.2f}" if isinstance(value, float) else str(value)
                 for value in row.values()]  # fmt: skip
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


if __name__ == "__main__":
    main()
