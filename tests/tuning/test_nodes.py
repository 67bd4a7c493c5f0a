"""What other nodes must see: a real cluster of two nodes on one machine, a cache for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.shared import PackedAt
from animesearch.errors import DataError, UserError
from animesearch.results.opening import new_run
from animesearch.tuning.nodes import (
    check_run,
    file_problem,
    other_nodes,
    problems_on,
    shared_images,
    store_problem,
)
from animesearch.tuning.trialfiles import Held
from tests.datasets.pictures import png, write_folder
from tests.datasets.preparing import write_prepared
from tests.storage.servers import S3

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def silent(stage: str, done: int, total: int) -> None: ...


@pytest.fixture(scope="module")
def cluster(running_s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two nodes; the folder that only the first one's processes are said to see."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_s3.environment.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("first")))
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        patch.setenv("ANIMESEARCH_CACHE", str(tmp_path_factory.mktemp("second")))
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # as a node without a way there
        found.add_node(num_cpus=1)
        patch.setenv("AWS_ENDPOINT_URL", running_s3.environment["AWS_ENDPOINT_URL"])
        ray.init(address=found.address, log_to_driver=False)
        yield tmp_path_factory.mktemp("packed")
        ray.shutdown()
        found.shutdown()


def unseen_there(path: str) -> str:
    """A file that the second node is said not to see."""
    return "not there" if "second" in os.environ["ANIMESEARCH_CACHE"] else ""


def test_each_node_answers_for_itself(cluster: Path, tmp_path: Path) -> None:
    import ray

    assert len(other_nodes()) == 1
    everywhere = {node["NodeID"]: "host" for node in ray.nodes()}
    assert len(everywhere) == 2
    assert list(problems_on(everywhere, unseen_there, "x").values()) == ["not there"]
    (tmp_path / "x").touch()
    assert problems_on(everywhere, file_problem, str(tmp_path / "x")) == {}


def test_a_node_that_has_gone_need_not_see_anything(cluster: Path) -> None:
    assert problems_on({"ab" * 28: "gone"}, file_problem, "nowhere") == {}


def test_a_node_without_a_way_to_the_store_is_refused(cluster: Path, s3: S3, url: str) -> None:
    assert "NETWORK_CONNECTION" in next(
        iter(problems_on(other_nodes(), store_problem, url).values())
    )
    with pytest.raises(UserError, match=r"1 of the cluster's nodes cannot reach the store s3://"):
        check_run(new_run(url))


def test_a_folder_that_all_see_is_fine(cluster: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "deep" / "run")
    check_run(run)
    assert list(tmp_path.iterdir()) == []


def test_images_reach_every_node(cluster: Path, tmp_path: Path) -> None:
    """Packed ones through the object store; streamed ones where the folder is seen."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    files = {f"{n}.png": png(n) for n in range(6)}
    packed = write_prepared(tmp_path / "p", write_folder(tmp_path / "set", files))
    (other,) = other_nodes()
    pinned = NodeAffinitySchedulingStrategy(other, soft=False)
    total = ray.remote(num_cpus=0)(_total).options(scheduling_strategy=pinned)
    expected = int(packed.images_NCHW.astype(np.int64).sum())
    for streamed in (False, True):
        images = shared_images(packed, streamed, "", silent)
        assert isinstance(images, PackedAt) is streamed
        assert ray.get(total.remote(images)) == expected


def _total(images: Any) -> int:
    from animesearch.tuning.tasks import opened

    return int(opened(images).astype(np.int64).sum())


def test_streamed_images_that_are_not_seen_are_refused(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{n}.png": png(n) for n in range(6)}
    packed = write_prepared(tmp_path / "p", write_folder(tmp_path / "set", files))
    hidden = PackedDataset(
        tmp_path / "gone", packed.manifest, packed.images_NCHW, packed.names, None, packed.tags
    )
    with pytest.raises(DataError, match=r"ANIMESEARCH_CACHE name a folder that is mounted"):
        shared_images(hidden, True, "", silent)


def test_a_file_of_a_run_is_found_by_name(s3: S3, url: str, tmp_path: Path) -> None:
    from animesearch.storage.store import Store

    name = "trials/t0000/checkpoints/images-1.ckpt"
    Store.open(url).write(name, b"weights")
    assert Held("/on/another/machine", url, name).here().read_bytes() == b"weights"
    (tmp_path / "x").write_bytes(b"here")
    assert Held(str(tmp_path / "x")).here().read_bytes() == b"here"
