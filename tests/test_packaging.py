"""What pip, git and a newcomer see of the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    requirement
    for line in [*PROJECT["dependencies"], *(x for e in EXTRAS.values() for x in e)]
    if (requirement := Requirement(line)).name != PROJECT["name"]
]
OPTIONAL = {Requirement(line).name for extra in EXTRAS if extra != "dev" for line in EXTRAS[extra]}
SHIPPED = (".py", ".yaml", ".typed", ".html", ".css", ".js", ".svg")
LARGEST_FILE = 2_000_000
"""Bytes of a tracked file."""

# Spelt in parts, so that this file does not contain what it looks for.
FORBIDDEN = [
    *("/" + folder + "/" for folder in ("work/main", "work/shared", "tmp/venv", "opt/pypi")),
    *("/" + folder for folder in ("opt/wheels", "root/.")),
    *(".".join(name) for name in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))),
    *(".".join(name) for name in (("deb", "debian", "org"), ("download", "pytorch", "org"))),
]


def lower_bounds(requirement: Requirement) -> list[str]:
    return [part.version for part in requirement.specifier if part.operator == ">="]


def tracked_files() -> list[Path]:
    """What git tracks or would add; nothing outside a checkout (an unpacked archive)."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    names = done.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_dependency_has_one_lower_bound(requirement: Requirement) -> None:
    assert len(lower_bounds(requirement)) == 1, str(requirement)


def test_the_lowest_versions_are_exactly_the_lower_bounds() -> None:
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", pin) for pin in pins), pins
    lowest = {name.lower(): Version(version) for name, version in (p.split("==") for p in pins)}
    bounds = {r.name.lower(): Version(lower_bounds(r)[0]) for r in REQUIREMENTS}
    assert lowest == bounds
    assert len(lowest) == len(pins) == len(REQUIREMENTS)


def test_the_installed_versions_satisfy_the_bounds() -> None:
    from importlib.metadata import PackageNotFoundError, version

    for requirement in REQUIREMENTS:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            if requirement.name in OPTIONAL:
                continue
            pytest.fail(f"{requirement} is not installed: pip install '.[dev]'")
        assert requirement.specifier.contains(installed, prereleases=True), (
            f"{requirement} but {installed} is installed"
        )


def test_the_version_stands_in_one_place_only() -> None:
    assert PROJECT["dynamic"] == ["version"]
    source = (ROOT / "animesearch" / "__init__.py").read_text(encoding="utf-8")
    assert len(re.findall(r'^__version__ = "\d+\.\d+\.\d+"$', source, re.MULTILINE)) == 1


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text


def test_no_tracked_file_is_large() -> None:
    sizes = {str(file.relative_to(ROOT)): file.stat().st_size for file in tracked_files()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    assert list(forbidden_words(tracked_files())) == []


def test_forbidden_words_are_found_where_they_stand(tmp_path: Path) -> None:
    for number, word in enumerate(FORBIDDEN):
        (tmp_path / f"{number}.txt").write_text(f"first line\nsee {word} there\n")
    found = list(forbidden_words(sorted(tmp_path.iterdir())))
    assert len(found) >= len(FORBIDDEN)
    assert {word for _, _, word in found} == set(FORBIDDEN)


def forbidden_words(files: list[Path]) -> Iterator[tuple[str, int, str]]:
    for file in files:
        content = file.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            yield from ((file.name, number, word) for word in FORBIDDEN if word in line)


def test_ci_is_a_sound_executable_script() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_wheel_holds_the_spaces_the_types_and_the_licence(tmp_path: Path) -> None:
    """Built by pip as for a newcomer: in isolation, with the declared build backend."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=250)
    (wheel,) = tmp_path.glob("animesearch-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "animesearch"
    expected = {
        str(file.relative_to(ROOT))
        for file in package.rglob("*")
        if file.is_file() and file.suffix in SHIPPED
    }
    spaces = {name for name in expected if "/spaces/" in name and name.endswith(".yaml")}
    assert spaces
    assert "animesearch/py.typed" in expected
    assert expected <= names
    info = {name.split("/", 1)[1] for name in names if ".dist-info/" in name}
    assert {"licenses/LICENSE", "entry_points.txt"} <= info
    assert all(name.startswith("animesearch") for name in names)
