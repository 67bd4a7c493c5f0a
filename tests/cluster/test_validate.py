from __future__ import annotations

import re
from pathlib import Path

import pytest
import ray
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.cluster.validate import validate_cluster
from animesearch.errors import UserError

SHIPPED = Path(__file__).parents[2] / "cluster.yaml"
TEXT = SHIPPED.read_text(encoding="utf-8").replace("2.60.0", ray.__version__)
"""The shipped file, for the Ray that is installed."""


def test_the_shipped_file_passes_rays_own_validation_and_keeps_the_head_for_the_driver() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(yaml.safe_load(TEXT))
    validate_config(config)
    types = config["available_node_types"]
    workers = [types[name] for name in types if name != config["head_node_type"]]
    assert types[config["head_node_type"]]["resources"] == {"CPU": 0}
    assert all(worker["min_workers"] == 0 < worker["max_workers"] for worker in workers)
    markets = [worker["node_config"]["InstanceMarketOptions"]["MarketType"] for worker in workers]
    assert markets == ["spot"]
    starts = (*config["head_start_ray_commands"], *config["worker_start_ray_commands"])
    assert all("RAY_AUTH_MODE=token" in start for start in starts if "ray start" in start)


# What is replaced in the shipped file, by what; then the path, and words of message or hint.
MISTAKES = [
    ("cluster_name: animesearch", "cluster_nam: x", "cluster_nam", "did you mean 'cluster_name'"),
    ("cluster_name: animesearch", "", "", "'cluster_name' is a required property"),
    ("max_workers: 4", "max_workers: four", "max_workers", "'four' is not of type 'integer'"),
    ("  type: aws", "  type: awss", "provider.type", "did you mean 'aws'"),
    ("  region: us-west-2", "  regoin: us-west-2", "provider.regoin", "did you mean 'region'"),
    ("  region: us-west-2", "", "provider", "'region' is required"),
    ("  region: us-west-2", "  region: oregon", "provider.region", "'oregon' is no region"),
    (
        "  region: us-west-2",
        "  region: us-east-1",
        "provider.availability_zone",
        "'us-west-2a' is no zone of region 'us-east-1'",
    ),
    (
        "  cache_stopped_nodes: false",
        "  cache_stoped_nodes: false",
        "provider.cache_stoped_nodes",
        "did you mean 'cache_stopped_nodes'",
    ),
    ("head_node_type: head", "head_node_type: haed", "head_node_type", "did you mean 'head'"),
    ("head_node_type: head", "", "", "'head_node_type' is missing"),
    (
        '"GPU": 1',
        '"gpu": 1',
        "available_node_types.gpu-worker.resources.gpu",
        "did you mean 'GPU'",
    ),
    (
        "    min_workers: 0\n    max_workers: 4",
        "    min_workers: 5\n    max_workers: 4",
        "available_node_types.gpu-worker.min_workers",
        "5 is more than max_workers, 4",
    ),
    (
        "    min_workers: 0\n    max_workers: 4",
        "    min_workers: -1\n    max_workers: -2",
        "available_node_types.gpu-worker.max_workers",
        "must be 0 or more, got -2",
    ),
    ("dist\n", "[dist]\n", "file_mounts.~/animesearch", "got ['dist']"),
    (
        "InstanceType: g5.2xlarge",
        "InstanceTyp: g5.2xlarge",
        "available_node_types.gpu-worker.node_config.InstanceTyp",
        "did you mean 'InstanceType'",
    ),
    (
        "InstanceType: g5.2xlarge",
        "InstanceType: g5",
        "available_node_types.gpu-worker.node_config.InstanceType",
        "'g5' is no instance type",
    ),
    (
        "        MarketType: spot",
        "        MarketType: Spott",
        "available_node_types.gpu-worker.node_config.InstanceMarketOptions.MarketType",
        "did you mean 'spot'",
    ),
    (
        "Ebs: {VolumeSize: 150, VolumeType: gp3}\n      # May",
        "Ebs: {VolumeSzie: 150}\n      # May",
        "available_node_types.head.node_config.BlockDeviceMappings.0.Ebs.VolumeSzie",
        "did you mean 'VolumeSize'",
    ),
    ("us-west-2a,us", "us-west-21,us", "provider.availability_zone", "'us-west-21' is no zone"),
    (
        "{VolumeSize: 150",
        "{VolumeSize: 150GB",
        "available_node_types.head.node_config.BlockDeviceMappings.0.Ebs.VolumeSize",
        "'150GB' is no size",
    ),
    (
        "VolumeType: gp3",
        "VolumeType: gp33",
        "available_node_types.head.node_config.BlockDeviceMappings.0.Ebs.VolumeType",
        "did you mean 'gp3'",
    ),
    (
        "InstanceType: g5.2xlarge",
        "InstanceType: m5.2xlarge",
        "available_node_types.gpu-worker.resources.GPU",
        "1 GPU, but a m5.2xlarge has 0",
    ),
    (
        "ImageId: *image",
        "ImageId: ubuntu",
        "available_node_types.gpu-worker.node_config.ImageId",
        "'ubuntu' is no image",
    ),
    (
        "  ~/.ray/auth_token: ~/.ray/auth_token\n",
        "",
        "file_mounts",
        "nothing brings one to the machines",
    ),
    ("ray start --head", "ray start", "head_start_ray_commands", "ray start --head"),
    (
        "\n    --autoscaling-config=~/ray_bootstrap_config.yaml",
        "",
        "head_start_ray_commands",
        "no worker ever starts",
    ),
    ("\nmax_workers: 4", "\nmax_workers: 0", "max_workers", "no trial could run"),
    ("py311-gpu", "py312-gpu", "docker.worker_image", "Python 3.12, another image 3.11"),
    (
        "    - --ulimit",
        "    - --env WANDB_API_KEY=0123456789\n    - --ulimit",
        "docker.run_options.0",
        "WANDB_API_KEY stands in the file",
    ),
    (
        "\nsetup_commands:",
        "\nsetup_commands:\n  - export AWS_SECRET_ACCESS_KEY='0123'",
        "setup_commands.0",
        "AWS_SECRET_ACCESS_KEY stands in the file",
    ),
    ("upscaling_speed: 1.0", "upscaling_speed: .nan", "upscaling_speed", "must be finite"),
    ("idle_timeout_minutes: 10", "max_workers: 9", "", "'max_workers' stands twice"),
    ("idle_timeout_minutes: 10", "on: 10", "", "must be a word"),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), MISTAKES)
def test_a_planted_mistake_is_found_at_its_line(
    tmp_path: Path, old: str, new: str, path: str, words: str
) -> None:
    assert TEXT.count(old) >= 1
    file = tmp_path / "cluster.yaml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    problems = validate_cluster(file)
    found = [problem for problem in problems if problem.path == path]
    assert any(words in f"{problem.message} ({problem.hint})" for problem in found), problems
    if new and path:
        written = new.strip().splitlines()[-1].split(":")[0].strip('" ')
        lines = file.read_text(encoding="utf-8").splitlines()
        assert any(
            written in lines[problem.line - 1] or path.rsplit(".", 1)[-1] in lines[problem.line - 1]
            for problem in found
            if problem.line
        )


def test_all_mistakes_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = TEXT.replace("idle_timeout_minutes: 10", "idle_timeout_minutes: long")
    text = text.replace("region: us-west-2", "regoin: us-west-2")
    text = text.replace("InstanceType: g5.2xlarge", "InstanceTyp: g5.2xlarge")
    file = tmp_path / "cluster.yaml"
    file.write_text(text, encoding="utf-8")
    problems = validate_cluster(file)
    lines = [problem.line or 0 for problem in problems]
    assert [problem.path for problem in problems if "did you" in problem.hint] == [
        "provider.regoin",
        "available_node_types.gpu-worker.node_config.InstanceTyp",
    ]
    assert problems[0].path == "idle_timeout_minutes"
    assert lines == sorted(lines)


def test_rays_own_rules_are_asked_when_ours_find_nothing(tmp_path: Path) -> None:
    text = TEXT.replace("    min_workers: 0\n    max_workers: 4", "    min_workers: 4")
    file = tmp_path / "cluster.yaml"
    file.write_text(text.replace("max_workers: 4\n\n# How", "max_workers: 3\n\n# How"))
    (problem,) = validate_cluster(file)
    assert "Ray refuses" in problem.message
    assert "max_workers" in problem.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("- a\n", "mapping"),
        ("a: [1\n", "not YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not YAML"),
        ("a: 2024-99-99\n", "not YAML"),
        ("a: !!bool 1\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "2 documents, 0 of them a RayJob"),
        ("a: &a [*a]\n", "aliases"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n"
                for old, new in ("ab", "bc", "cd", "de", "ef", "fg")
            ),
            "aliases",
        ),
    ],
)
def test_a_text_that_is_no_cluster_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(text, encoding="utf-8")
    (problem,) = validate_cluster(file)
    assert words in problem.message
    assert problem.line


def test_a_file_that_cannot_be_read_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        validate_cluster(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        validate_cluster(tmp_path / "binary.yaml")
    for nothing in (tmp_path, tmp_path / ("k" * 5000), Path("\0")):
        with pytest.raises(UserError, match=r"is no file|cannot be read|no such file"):
            validate_cluster(nothing)
    (tmp_path / "large.yaml").write_text("#" * 1_000_001)
    with pytest.raises(UserError, match="1000001 bytes"):
        validate_cluster(tmp_path / "large.yaml")


def test_merge_keys_and_other_providers_pass(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "cluster_name: x\nmax_workers: 2\nhead_node_type: head\n"
        "provider: {type: gcp, region: us-west1, availability_zone: us-west1-a,"
        " project_id: my-project}\n"
        "available_node_types:\n"
        "  head: &head {resources: {CPU: 2}, node_config: {machineType: n1-standard-2}}\n"
        "  worker: {<<: *head, max_workers: 2}\n"
    )
    assert validate_cluster(file) == []


MODE = "RAY_AUTH_MODE=token "
HEAD_MODE, WORKER_MODE = f"{MODE}ray start --head", f"{MODE}ray start --address"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({WORKER_MODE: "ray start --address"}, "no worker could join"),
        # Ray's head takes the token that it finds, its workers do not.
        ({MODE: ""}, "no worker could join"),
        ({HEAD_MODE: "RAY_AUTH_MODE=disabled ray start --head"}, "which the head has not"),
        ({MODE: "", "  ~/.ray/auth_token: ~/.ray/auth_token\n": ""}, ""),
        ({MODE: "RAY_AUTH_MODE=disabled "}, ""),
    ],
)
def test_head_and_workers_agree_on_the_token(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    text = TEXT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "cluster.yaml"
    file.write_text(text, encoding="utf-8")
    found = validate_cluster(file)
    assert [problem.path for problem in found] == (["worker_start_ray_commands.1"] if words else [])
    assert all(words in problem.message for problem in found)


GOOD = {
    "resources that Ray asks AWS for": ('    resources: {"CPU": 8, "GPU": 1}\n', ""),
    "a GPU that Ray asks AWS for": ('{"CPU": 8, "GPU": 1}', "{}"),
    "a local zone": ("us-west-2a,us-west-2b,us-west-2c", "us-west-2-lax-1a, us-west-2a"),
    "an image of one's own": ("ImageId: *image", "ImageId: ami-0123456789abcdef0"),
    "the image that Ray takes": ("      ImageId: *image\n", ""),
    "secrets of other places": (
        "    - --ulimit",
        "    - --env WANDB_API_KEY=$WANDB_API_KEY --env TOKENIZERS_PARALLELISM=false"
        " -e AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token\n    - --ulimit",
    ),
    "a token that docker's options tell of": (
        "    - --ulimit",
        "    - --env RAY_AUTH_MODE=token\n    - --ulimit",
    ),
}


@pytest.mark.parametrize(("old", "new"), GOOD.values(), ids=GOOD)
def test_what_is_no_mistake_passes(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    file = tmp_path / "cluster.yaml"
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    assert validate_cluster(file) == []


def test_regions_without_an_image_of_rays_want_one(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    without = re.sub(r"\n +ImageId: \S+", "", TEXT).replace("us-west-2", "eu-north-1")
    file.write_text(without, encoding="utf-8")
    found = validate_cluster(file)
    assert found and all("'ImageId' is required" in problem.message for problem in found)
    file.write_text(without.replace("eu-north-1", "us-west-2"), encoding="utf-8")
    assert validate_cluster(file) == []


def test_machines_that_are_there_already(tmp_path: Path) -> None:
    """Ray's provider ``local`` takes another file than the clouds'."""
    text = (
        "cluster_name: mine\nmin_workers: 1\nmax_workers: 1\n"
        "provider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2]}\n"
        "auth: {ssh_user: me, ssh_private_key: ~/.ssh/id_rsa}\n"
    )
    file = tmp_path / "cluster.yaml"
    file.write_text(text, encoding="utf-8")
    assert validate_cluster(file) == []
    file.write_text(text.replace("head_ip: 10.0.0.1, ", ""), encoding="utf-8")
    (problem,) = validate_cluster(file)
    assert "Ray refuses the file" in problem.message and "head_ip" in problem.message


WORDS = st.sampled_from(
    [
        *("cluster_name", "provider", "type", "aws", "region", "availability_zone", "auth"),
        *("available_node_types", "head", "head_node_type", "node_config", "resources", "CPU"),
        *("InstanceType", "InstanceMarketOptions", "MarketType", "min_workers", "max_workers"),
        *("setup_commands", "file_mounts", "docker", "BlockDeviceMappings"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=15,
)


@given(top=st.dictionaries(WORDS, VALUES, max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_shape_of_values_escapes_as_another_exception(
    tmp_path_factory: pytest.TempPathFactory, top: dict[str, object]
) -> None:
    sound = yaml.safe_load(TEXT)
    file = tmp_path_factory.mktemp("case") / "cluster.yaml"
    file.write_text(yaml.safe_dump({**sound, **top}), encoding="utf-8")
    for problem in validate_cluster(file):
        assert problem.message
        assert problem.line
