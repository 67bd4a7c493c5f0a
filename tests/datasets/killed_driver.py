"""A preparation whose process dies by SIGKILL at a named moment: ``ADDRESS SOURCE CACHE MOMENT``.

``pack``: when the first block has arrived; ``rename``: when all is written, before the result
gets its name.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.pipeline import prepare


def main(address: str, source: str, cache: str, moment: str) -> None:
    """Prepares as a search would, until the moment."""
    import ray

    def progress(stage: str, done: int, total: int) -> None:
        if stage == moment and done:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        target = Path(os.fsdecode(str(arguments[1]))) if event == "os.rename" else Path()
        if moment == "rename" and target.parent == Path(cache, "datasets"):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
    ray.init(address=address, log_to_driver=False)
    prepare(DatasetConfig.model_validate({"source": source, "size": 8}), Path(cache), progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
