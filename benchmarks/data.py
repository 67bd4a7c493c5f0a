"""Preparing and reading images, side by side with what one would write without this package.

    python benchmarks/data.py prepare --images 100000      # against a loop of PIL, hash and resize
    python benchmarks/data.py getchu --source getchu64.tar # any archive, against the same loop
    python benchmarks/data.py epoch                        # against ImageFolder and DataLoader
    python benchmarks/data.py memory                       # of one, two and three readers
    python benchmarks/data.py bounded --images 300000      # peak memory while preparing
    python benchmarks/data.py --json results.json          # all of them (getchu with --source)

What is compared runs in one call on the same ``--cores`` (2), and ratios are printed, so that
machines need not be alike.  Images are synthetic (``data_parts/images.py`` says how).  Before a
comparison every file is read once: the page cache is warm for both sides, and reading from the
disk is not measured.  Ray is up before the clock starts, its workers are fresh in the first
round, and each preparation has an empty cache of its own.  Both sides write their result to the
disk.  Everything stands in a new folder below ``--out``, removed in the end unless ``--keep``;
``bounded`` with its 300,000 images needs about 20 GB there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from data_parts import memory, speed
from data_parts.common import Bench, Outcome

PARTS: Final[dict[str, Callable[[Bench], Outcome]]] = {
    "prepare": speed.prepare_part,
    "getchu": speed.getchu_part,
    "epoch": speed.epoch_part,
    "memory": memory.memory_part,
    "bounded": memory.bounded_part,
}
COUNTS: Final = {"prepare": 100_000, "epoch": 20_000, "memory": 100_000, "bounded": 300_000}


def main() -> None:
    """Run the parts and print what they found."""
    arguments = _arguments()
    # Ended from outside, a call removes its folder as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.hold:
        memory.hold(arguments.hold, arguments.images)
    elif arguments.pack:
        memory.pack(arguments.pack, arguments.out, arguments.cores)
    else:
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    cores = sorted(os.sched_getaffinity(0))[: arguments.cores]
    os.sched_setaffinity(0, cores)
    outcomes = []
    for part in arguments.parts or [p for p in PARTS if p != "getchu" or arguments.source]:
        with _folder(arguments) as folder:
            count = arguments.images or COUNTS.get(part, 0)
            bench = Bench(folder, len(cores), count, arguments.repeat, arguments.source)
            outcomes.append(PARTS[part](bench))
        print(outcomes[-1].line(), flush=True)
        if arguments.json:
            content = {"cores": len(cores), "outcomes": [asdict(outcome) for outcome in outcomes]}
            arguments.json.write_text(json.dumps(content, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; or all")
    counts = ", ".join(f"{part} {count:,}" for part, count in COUNTS.items())
    parser.add_argument("--images", type=int, help=f"how many; default: {counts}")
    parser.add_argument("--out", type=Path, help="where the folder of a call is made")
    parser.add_argument("--keep", action="store_true", help="leave that folder there")
    parser.add_argument("--source", type=Path, help="archive or folder of getchu")
    parser.add_argument("--cores", type=int, default=2, help="that the call keeps to")
    parser.add_argument("--repeat", type=int, default=1, help="rounds of a comparison; the median")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers there")
    # What the parts start as processes of their own.
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; allowed: {', '.join(PARTS)}")
    if "getchu" in arguments.parts and arguments.source is None:
        parser.error("getchu needs --source")
    return arguments


@contextlib.contextmanager
def _folder(arguments: argparse.Namespace) -> Iterator[Path]:
    """A new folder, removed in the end, whatever ends the call; the user's cache is not touched."""
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=arguments.out)).resolve()
    os.environ["ANIMESEARCH_CACHE"] = str(folder / "cache")
    try:
        yield folder
    finally:
        if arguments.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
