"""Memory: of readers of one set, and while one is prepared."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from data_parts import images, proc
from data_parts.common import (
    BATCH,
    SIZE,
    Bench,
    Outcome,
    our_epoch,
    packed_set,
    prepared,
    ray_up,
    tell,
    timed,
)

SCRIPT: Final = Path(__file__).parents[1] / "data.py"
SAMPLE_S: Final = 0.5
"""Between two looks at the memory."""
READERS: Final = 3
STEADY: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "OMP_NUM_THREADS": "1",
}
"""For readers: memory that is freed goes back at once.  Otherwise two processes that do the same
differ by 20 MB, and no two calls of this part agree."""


def memory_part(bench: Bench) -> Outcome:
    """What the second and third reader of a set add to the node's proportional memory."""
    os.environ.update(STEADY)
    made = images.encodings((SIZE, SIZE), 85, 4.0, tell)
    small, large = packed_set(bench, made, 2 * BATCH), packed_set(bench, made)
    added = {
        "mapped file": _added(_mapping_readers, small, large, bench),
        "object store": _added(_store_readers, small, large, bench),
    }
    size = large.images_NCHW.nbytes
    percent = {way: [100 * more / size for more in found] for way, found in added.items()}
    worst = max(more for found in percent.values() for more in found[1:])
    text = f"of {size / 1e6:,.0f} MB packed, in percent, readers 1, 2, 3: " + "; ".join(
        f"{way} {', '.join(f'{more:.1f}' for more in found)}" for way, found in percent.items()
    )
    numbers = {"packed_bytes": size, "added_bytes": added}
    return Outcome("memory", worst, "% for one more", 5, False, text, numbers)


Readers = Callable[[Any, Bench], list[int]]


def _added(readers: Readers, small: Any, large: Any, bench: Bench) -> list[int]:
    """Bytes that each further reader adds, less what it adds where there is next to nothing.

    Both see as many batches: what the interpreter and torch need is in both.
    """
    empty, full = readers(small, bench), readers(large, bench)
    return [of_full - of_empty for of_full, of_empty in zip(full, empty, strict=True)]


def _mapping_readers(packed: Any, bench: Bench) -> list[int]:
    """Processes that open the packed set themselves: what each adds to all."""
    words = ["--hold", packed.folder, "--images", bench.count]
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    with contextlib.ExitStack() as stack:
        totals, pids = [0], []
        for number in range(READERS):
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            stack.callback(process.terminate)
            assert process.stdout is not None
            if not process.stdout.readline():
                sys.exit("a reader failed")
            pids.append(process.pid)
            totals.append(proc.usage(pids, packed.folder).data)
            tell(f"readers of {packed.count:,}", number + 1, READERS)
    return [after - before for before, after in itertools.pairwise(totals)]


def hold(folder: Path, shown: int) -> None:
    """One reader: so many images, then a word, then it waits to be ended."""
    from animesearch.datasets.packed import PackedDataset

    packed = PackedDataset.open(folder)
    our_epoch(packed.train_images, shown)
    print("ready", flush=True)
    sys.stdin.read()


def _store_readers(packed: Any, bench: Bench) -> list[int]:
    """Actors that take the array from Ray's object store, as trials do: what each adds to all."""
    with ray_up(bench.cores):
        import ray

        reader = ray.remote(num_cpus=0)(_Reader)
        shared = ray.put(packed.train_images)
        everyone = proc.tree(os.getpid())
        totals, pids, actors = [proc.usage(everyone).shared], [], []
        for number in range(READERS):
            actors.append(reader.remote())
            pids.append(ray.get(actors[-1].epoch.remote([shared], bench.count)))
            totals.append(proc.usage(pids).anonymous + proc.usage(everyone).shared)
            tell(f"actors on {packed.count:,}", number + 1, READERS)
    return [after - before for before, after in itertools.pairwise(totals)]


class _Reader:
    """An actor that keeps the array, as a trial does."""

    def epoch(self, refs: list[Any], shown: int) -> int:
        """So many images; the number of the process."""
        import ray

        self.images_NCHW = ray.get(refs[0])
        our_epoch(self.images_NCHW, shown)
        return os.getpid()


def bounded_part(bench: Bench) -> Outcome:
    """Peak memory of a preparation: driver, Ray and object store, without the packed file."""
    made = images.encodings((512, 512), 75, 1.0, tell)
    needed = bench.count * (sum(map(len, made)) // len(made) + 1024 + 2 * 3 * SIZE**2)
    if shutil.disk_usage(bench.folder).free < 1.05 * needed:
        sys.exit(f"{needed / 1e9:.0f} GB of disk are needed in {bench.folder}; choose --out")
    source = images.write_tar(bench.folder / "source.tar", made, bench.count, tell)
    cache = bench.cache()
    peaks, report = _watched(_pack_command(source, cache, bench.cores), cache)
    gib = {name: peak / 2**30 for name, peak in peaks.items()}
    text = (
        f"{bench.count:,} images of 512 px, {bench.count / report['seconds']:,.0f} a second, "
        f"packed {report['packed_bytes'] / 2**30:.2f} GiB, of which at most {gib['mapped']:.2f} "
        f"mapped (not counted); object store at most {gib['shared']:.2f} GiB"
    )
    numbers = {"images": bench.count, "peak_bytes": peaks, **report}
    return Outcome("bounded", gib["counted"], "GiB", 4, False, text, numbers)


def _watched(command: list[str], cache: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Runs a command; the peaks of its tree's memory, each by itself, and what it printed.

    ``counted`` is all but the mapped files of the result.
    """
    peaks: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None:
                found = proc.usage(proc.tree(process.pid), cache)
                counted = found.anonymous + found.shared + found.code
                for name, now in {**asdict(found), "counted": counted}.items():
                    peaks[name] = max(now, peaks.get(name, 0))
                time.sleep(SAMPLE_S)
        except BaseException:
            process.send_signal(signal.SIGINT)  # it takes its Ray down
            process.wait(30)
            raise
        assert process.stdout is not None
        if process.returncode:
            sys.exit(f"the preparation failed: exit code {process.returncode}")
        return peaks, json.loads(process.stdout.read())


def _pack_command(source: Path, cache: Path, cores: int) -> list[str]:
    words = ["--pack", source, "--out", cache, "--cores", cores]
    return [sys.executable, str(SCRIPT), *map(str, words)]


def pack(source: Path, cache: Path, cores: int) -> None:
    """One preparation in a process of its own; prints what came of it."""
    with ray_up(cores):
        seconds, packed = timed(lambda: prepared(source, cache))
    print(json.dumps({"seconds": seconds, "packed_bytes": packed.images_NCHW.nbytes}))
