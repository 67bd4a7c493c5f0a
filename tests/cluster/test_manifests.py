"""The shipped cluster files for GCP and Kubernetes, and mistakes planted in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray
import yaml

from animesearch.cluster.machines import aws_hardware, gcp_hardware
from animesearch.cluster.validate import validate_cluster

ROOT = Path(__file__).parents[2]
WRITTEN_FOR = "2.60.0"
"""The Ray that the shipped files name."""


def text_of(name: str) -> str:
    """A shipped file, for the Ray that is installed."""
    return (ROOT / name).read_text(encoding="utf-8").replace(WRITTEN_FOR, ray.__version__)


def problems(tmp_path: Path, name: str, old: str = "", new: str = "") -> list[tuple[str, str]]:
    text = text_of(name)
    assert old in text
    file = tmp_path / "file.yaml"
    file.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return [(one.path, f"{one.message} ({one.hint})") for one in validate_cluster(file)]


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster-gcp.yaml", "deploy/rayjob.yaml"])
def test_the_shipped_files_are_sound(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, name) == []


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster-gcp.yaml", "deploy/rayjob.yaml"])
def test_another_ray_is_told(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text_of(name).replace(ray.__version__, "2.1.0"), encoding="utf-8")
    found = validate_cluster(file)
    assert len(found) >= 2
    assert all("2.1.0" in one.message and ray.__version__ in one.message for one in found)


def test_the_launcher_files_name_the_storage_and_carry_the_token() -> None:
    for name, scheme in (("cluster.yaml", "s3://"), ("cluster-gcp.yaml", "gs://")):
        tree = yaml.safe_load(text_of(name))
        assert any(f"ANIMESEARCH_RUNS={scheme}" in one for one in tree["docker"]["run_options"])
        starts = tree["head_start_ray_commands"] + tree["worker_start_ray_commands"]
        assert all("RAY_AUTH_MODE=token" in one for one in starts if "ray start" in one)
        assert "~/.ray/auth_token" in tree["file_mounts"]
        types = tree["available_node_types"]
        assert types["head"]["resources"] == {"CPU": 0}
        assert types["gpu-worker"]["min_workers"] == 0 < types["gpu-worker"]["max_workers"]


GCP = [
    ("machineType: g2-standard-8", "machinType: x", "node_config.machinType", "'machineType'"),
    ("machineType: g2-standard-8", "machineType: G2", "machineType", "no machine type"),
    ("region: us-central1", "region: us-centrl1", "provider.region", "no region"),
    ("us-central1-a", "us-east1-a", "provider.availability_zone", "no zone of region"),
    ("us-central1-a", "us-central1-a,us-central1-b", "provider.availability_zone", "takes one"),
    ("project_id: my-project-id", "projekt_id: x", "provider.projekt_id", "'project_id'"),
    ("project_id: my-project-id", "project_id: A", "provider.project_id", "no project ID"),
    ("diskSizeGb: 150", "diskSizeGB: 150", "initializeParams.diskSizeGB", "'diskSizeGb'"),
    ("Model: SPOT", "Model: SPOTT", "scheduling.provisioningModel", "did you mean 'SPOT'"),
    ("onHostMaintenance: TERMINATE", "onHostMaintenance: MIGRATE", "scheduling", "cannot migrate"),
    ('"GPU": 1', '"GPU": 2', "resources.GPU", "2 GPU, but a g2-standard-8 has 1"),
    ("diskSizeGb: 150", "diskSizeGb: 150GB", "initializeParams.diskSizeGb", "'150GB' is no size"),
    ("diskSizeGb: 150", "diskSizeGb: 5", "initializeParams.diskSizeGb", "10 or more"),
    ("g2-standard-8", "n2-standard-8", "resources.GPU", "1 GPU, but a n2-standard-8 has 0"),
    ('{"CPU": 8, "GPU"', '{"CPU": 16, "GPU"', "resources.CPU", "16 CPU, but a g2-standard-8 has 8"),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), GCP)
def test_mistakes_in_the_gcp_file(
    tmp_path: Path, old: str, new: str, path: str, words: str
) -> None:
    found = problems(tmp_path, "cluster-gcp.yaml", old, new)
    assert any(where.endswith(path) and words in said for where, said in found), found


def test_schedules_as_rays_examples_write_them_pass(tmp_path: Path) -> None:
    text = text_of("cluster-gcp.yaml")
    start = text.index("      scheduling:")
    end = text.index("      disks:", start)
    listed = (
        "      scheduling:\n        - preemptible: true\n        - onHostMaintenance: TERMINATE\n"
    )
    file = tmp_path / "file.yaml"
    file.write_text(text[:start] + listed + text[end:], encoding="utf-8")
    assert validate_cluster(file) == []


RAYJOB = [
    ("apiVersion: ray.io/v1", "apiVersion: ray.io/v1alpha1", "apiVersion", "is not 'ray.io/v1'"),
    ("kind: RayJob", "kind: RayJobb", "kind", "did you mean 'RayJob'"),
    ("  name: animesearch", "  name: Anime_Search", "metadata.name", "small letters"),
    ("  entrypoint: >-", "  entrypont: >-", "spec.entrypont", "did you mean 'entrypoint'"),
    ("  entrypoint: >-", "  entrypont: >-", "spec.entrypoint", "is required"),
    ("maxReplicas: 4", "maxReplica: 4", "maxReplica", "did you mean 'maxReplicas'"),
    ("minReplicas: 0", "minReplicas: 5", "minReplicas", "5 is more than maxReplicas, 4"),
    ("        replicas: 0", "        replicas: 9", "replicas", "9 is not between"),
    ("enableInTreeAutoscaling: true", "enableInTreeAutoscaling: false", "replicas", "ever start"),
    ("groupName: gpu-worker", "groupname: gpu-worker", "groupname", "did you mean 'groupName'"),
    ('num-cpus: "0"', "num-cpus: 0", "rayStartParams.num-cpus", "put it in quotes"),
    ("authOptions: {mode: token}", "authOptions: {mode: tokn}", "authOptions.mode", "'token'"),
    ("upscalingMode: Default", "upscalingMode: Fast", "upscalingMode", "is not one of"),
    ("rayStartParams: {}", 'rayStartParams: {num-gpus: "2"}', "num-gpus", "nvidia.com/gpu is 1"),
    (
        'requests: {cpu: "7", memory: 24Gi, nvidia.com/gpu: 1}',
        'requests: {cpu: "9", memory: 24Gi, nvidia.com/gpu: 1}',
        "requests.cpu",
        "9 is more than the limit, 7",
    ),
    (
        'limits: {cpu: "7", memory: 24Gi, nvidia.com/gpu: 1}',
        'limits: {cpu: "7", memory: 24Gi, nvidia.com/gpu: 0.5}',
        "limits.nvidia.com/gpu",
        "whole devices only",
    ),
    (
        "memory: 512Mi}\n        limits",
        "memory: 5 GB}\n        limits",
        "requests.memory",
        "quantity",
    ),
    (
        "envFrom: &storage\n",
        "env: [{name: AWS_SECRET_ACCESS_KEY, value: abc}]\n              envFrom: &storage\n",
        "env.0.value",
        "stands in the file",
    ),
    (
        "envFrom: &storage\n",
        "volumeMounts: [{name: data, mountPath: /data}]\n              envFrom: &storage\n",
        "volumeMounts.0",
        "'data' is not one of the pod's volumes: none",
    ),
    ("idleTimeoutSeconds: 600", "idleTimeoutSeconds: ten", "idleTimeoutSeconds", "a whole number"),
    ("shutdownAfterJobFinishes: true", 'suspend: "no"', "spec.suspend", "must be true or false"),
    ("    env_vars:", "    env_var:", "runtimeEnvYAML", "did you mean 'env_vars'"),
    ('_S: "60"', "_S: 60", "runtimeEnvYAML", "60 is no text"),
    ('_S: "60"', '_S: "60"\n      HF_TOKEN: abc', "runtimeEnvYAML", "HF_TOKEN stands in the file"),
    ("    env_vars:\n", "    env_vars: [\n", "runtimeEnvYAML", "not YAML"),
    ("--expect-gpus 4", "--expect-gpus 8", "spec.entrypoint", "all workers together have 4"),
    ("shutdownAfterJobFinishes: true", "suspend: false", "ttlSecondsAfterFinished", "does nothing"),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), RAYJOB)
def test_mistakes_in_the_rayjob(tmp_path: Path, old: str, new: str, path: str, words: str) -> None:
    found = problems(tmp_path, "deploy/rayjob.yaml", old, new)
    assert any(where.endswith(path) and words in said for where, said in found), found


def test_what_belongs_to_a_rayjob_may_stand_beside_it(tmp_path: Path) -> None:
    space = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: space}\ndata: {a: b}\n"
    job = text_of("deploy/rayjob.yaml")
    file = tmp_path / "file.yaml"
    file.write_text(f"{space}---\n{job}", encoding="utf-8")
    assert validate_cluster(file) == []
    file.write_text(
        f"{space}---\n{job}".replace("maxReplicas: 4", "maxReplica: 4"), encoding="utf-8"
    )
    lines = file.read_text(encoding="utf-8").splitlines()
    assert "maxReplica" in lines[(validate_cluster(file)[-1].line or 0) - 1]
    file.write_text(f"{job}---\n{job}", encoding="utf-8")
    (problem,) = validate_cluster(file)
    assert "2 documents, 2 of them a RayJob" in problem.message


def test_variables_of_pods_that_are_no_secrets(tmp_path: Path) -> None:
    values = "{name: TOKENIZERS_PARALLELISM, value: 'false'}, {name: TOKEN_FILE, value: /run/t}"
    found = problems(
        tmp_path,
        "deploy/rayjob.yaml",
        "envFrom: &storage",
        f"env: [{values}]\n              envFrom: &storage",
    )
    assert found == []


@pytest.mark.parametrize(
    "change",
    [
        {"spec": None},
        {"spec": []},
        {"metadata": 3},
        {"spec": {"entrypoint": "x", "rayClusterSpec": []}},
        {"spec": {"entrypoint": "x", "rayClusterSpec": {"workerGroupSpecs": [3, {}]}}},
        {
            "spec": {
                "entrypoint": ["x"],
                "submissionMode": {},
                "rayClusterSpec": {
                    "headGroupSpec": {"template": {"spec": {"containers": [1, {"env": [1]}]}}},
                    "workerGroupSpecs": [{"groupName": [], "replicas": True, "template": 1}],
                },
            }
        },
    ],
)
def test_values_of_a_wrong_kind_are_mistakes_not_faults(
    tmp_path: Path, change: dict[str, object]
) -> None:
    tree = {**yaml.safe_load(text_of("deploy/rayjob.yaml")), **change}
    file = tmp_path / "file.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert validate_cluster(file)


@pytest.mark.parametrize(
    ("kind", "cpus", "gpus"),
    [
        ("g5.2xlarge", 8, 1),
        ("g5.xlarge", 4, 1),
        ("g6.12xlarge", 48, 4),
        ("p4d.24xlarge", 96, 8),
        ("m5.xlarge", 4, 0),
        ("t3.medium", None, 0),
        ("c4.8xlarge", None, 0),  # 36, not 32
        ("g4ad.xlarge", 4, None),
        ("unheard-of", None, None),
    ],
)
def test_what_aws_names_tell(kind: str, cpus: int | None, gpus: int | None) -> None:
    has = aws_hardware(kind)
    assert (has.cpus, has.gpus) == (cpus, gpus)


@pytest.mark.parametrize(
    ("kind", "cpus", "gpus"),
    [
        ("g2-standard-24", 24, 2),
        ("n2-standard-4", 4, 0),
        ("a2-highgpu-2g", None, 2),
        ("zones/z/machineTypes/n1-highmem-8", 8, 0),
        ("custom-4-5120", None, None),
    ],
)
def test_what_gcp_names_tell(kind: str, cpus: int | None, gpus: int | None) -> None:
    has = gcp_hardware(kind)
    assert (has.cpus, has.gpus) == (cpus, gpus)
