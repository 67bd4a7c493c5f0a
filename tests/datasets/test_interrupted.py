"""A preparation that ends too early leaves nothing that could be taken for a set."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from animesearch.datasets.atomic import STAGING
from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.pipeline import prepare
from animesearch.errors import DataError
from tests.datasets.pictures import png, write_folder

pytestmark = pytest.mark.usefixtures("local_ray")

FILES = {f"{number:03d}.png": png(number, 8, 8) for number in range(150)}


def killed(source: Path, cache: Path, moment: str) -> None:
    """Runs ``killed_driver.py`` on the Ray of these tests."""
    import ray

    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-m", "tests.datasets.killed_driver"]
    done = subprocess.run(
        [*command, address, str(source), str(cache), moment],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", ["pack", "rename"])
def test_a_killed_preparation_leaves_no_set_and_the_next_one_is_whole(
    moment: str, tmp_path: Path
) -> None:
    source, cache = write_folder(tmp_path / "set", FILES), tmp_path / "cache"
    killed(source, cache, moment)
    left = sorted(path.name for path in (cache / "datasets").iterdir())
    assert len(left) == 2  # the folder and its lock
    assert all(name.startswith(STAGING) for name in left)
    if moment == "pack":
        with pytest.raises(DataError, match="no usable packed images"):
            PackedDataset.open(cache / "datasets" / left[0])
    config = DatasetConfig.model_validate({"source": str(source), "size": 8})
    packed = prepare(config, cache)
    assert packed.names == sorted(FILES)
    packed.verify_pixels()
    assert [path.name for path in (cache / "datasets").iterdir()] == [packed.folder.name]
