"""Plug-ins: one file of the user's adds components everywhere, with no other file touched."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from animesearch.errors import RunFolderError, SpaceError, UserError
from animesearch.plugins import Plugin, import_plugins, load_plugins, read_plugin
from animesearch.results.folder import RunFolder
from animesearch.results.records import RunInfo
from animesearch.searchspace import parse_space
from animesearch.tuning.config import SpaceConfig
from tests.plugged import PLUGIN, ROOT, SPACE, Command, command_with, write


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return command_with(tmp_path_factory.mktemp("cache"))


# -- what one file adds ----------------------------------------------------------------------------


def test_it_stands_in_the_lists_and_the_schema(command: Command, tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py")
    for what, name in (("losses", "soft-margin"), ("architectures", "dense-pair")):
        listed = command("-m", "animesearch", "list", what, "--plugin", file, "--json")
        assert listed.returncode == 0, listed.stderr
        [row] = [row for row in json.loads(listed.stdout) if row["name"] == name]
        assert row["summary"] and row["source"] == "no paper"
    schema = command("-m", "animesearch", "schema", "--plugin", file)
    assert schema.returncode == 0, schema.stderr
    defs = json.loads(schema.stdout)["$defs"]
    margin = defs["SoftMargin.searched"]["properties"]["margin"]
    assert margin["description"] == "distance kept from D's boundary"
    assert defs["DensePair.searched"]["properties"]["name"]["const"] == "dense-pair"


def test_it_joins_the_contract_tests(command: Command, tmp_path: Path) -> None:
    file, report = write(tmp_path / "mine.py"), tmp_path / "report.xml"
    areas = [
        ROOT / "tests" / "trainers" / f"test_{area}.py" for area in ("architectures", "losses")
    ]
    done = command(
        *("-m", "pytest", *areas, "--plugin", file, "-k", "dense-pair or soft-margin"),
        *("-q", "-p", "no:cacheprovider", "--junit-xml", report),
    )
    assert done.returncode == 0, done.stdout
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert not [case.get("name") for case in cases if len(case)], "nothing failed, nothing skipped"
    names = {str(case.get("name")) for case in cases}
    assert names >= {
        "test_trains_draws_and_keeps_its_state[dense-pair-8]",
        "test_trains_draws_and_keeps_its_state[dense-pair-16]",
        "test_every_parameter_learns_at_its_stage[dense-pair]",
        "test_refuses_other_images_by_name[dense-pair]",
        "test_every_loss_trains_an_architecture[soft-margin]",
        "test_gradients_agree_with_finite_differences[soft-margin]",
    }


@pytest.mark.slow
def test_the_contract_tests_see_what_is_wrong_with_it(command: Command, tmp_path: Path) -> None:
    """A pair whose images have another size than asked for."""
    text = PLUGIN.replace("shape = (task.channels, task.size, task.size)", "shape = (-1, 4, 4)")
    done = command(
        *("-m", "pytest", ROOT / "tests" / "trainers" / "test_architectures.py", "-q"),
        *(
            "--plugin",
            write(tmp_path / "mine.py", text),
            "-k",
            "dense-pair",
            "-p",
            "no:cacheprovider",
        ),
    )
    assert done.returncode == 1, done.stdout
    assert "test_trains_draws_and_keeps_its_state[dense-pair-8]" in done.stdout


def test_a_broken_plugin_stops_the_tests_with_its_line(command: Command, tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", "x = (\n")
    done = command("-m", "pytest", ROOT / "tests" / "test_plugins.py", "--plugin", file)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "mine.py, line 1: SyntaxError" in done.stderr


def test_without_it_its_names_are_unknown() -> None:
    with pytest.raises(SpaceError) as caught:
        parse_space(SPACE.encode(), "space.yaml", SpaceConfig)
    told = str(caught.value)
    assert "unknown architecture 'dense-pair'" in told and "unknown loss 'soft-margin'" in told


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\nif\n", 2, "SyntaxError: invalid syntax"),
        ("\n\nimport nothing_of_that_name\n", 3, "No module named 'nothing_of_that_name'"),
        ("def f():\n    raise KeyError('a')\nf()\n", 2, "KeyError: 'a'"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting property name"),
        ("import sys\n\nsys.exit('bye')\n", 3, "SystemExit: bye"),
        ("raise ValueError('x' * 9999 + '\\n' * 9)\n", 1, "ValueError: xxx"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = write(tmp_path / "broken.py", text)
    with pytest.raises(UserError) as caught:
        load_plugins([file])
    told = str(caught.value)
    assert told.startswith(f"plug-in {file}, line {line}: ")
    assert message in told
    assert len(told.splitlines()) == 1 and len(told) < 600
    assert read_plugin(file).module not in sys.modules


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary.py").write_bytes(b"\0\xff")
    with pytest.raises(UserError, match=r"plug-in .*binary\.py: .*null bytes"):
        load_plugins([tmp_path / "binary.py"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py", "there is no plug-in"),
        ("", "is not a file; a plug-in is one Python file"),
        ("a" * 999, "cannot read the plug-in"),
        ("\0", "cannot read the plug-in|there is no plug-in"),
    ],
)
def test_what_is_no_file(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_plugins([tmp_path / name])


def test_a_name_that_is_taken(command: Command, tmp_path: Path) -> None:
    ours = write(tmp_path / "ours.py", PLUGIN.replace("soft-margin", "lsgan"))
    line = PLUGIN.splitlines().index("@LOSSES.register") + 1
    done = command("-m", "animesearch", "list", "losses", "--plugin", ours)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"plug-in {ours}, line {line}: ValueError: loss 'lsgan' is registered twice" in (
        done.stderr
    )
    assert "animesearch.trainers.losses.least_squares" in done.stderr


def test_two_plugins_with_one_name(command: Command, tmp_path: Path) -> None:
    """Both files are named, not the modules that nobody has heard of."""
    one = write(tmp_path / "one.py")
    two = write(tmp_path / "two.py", PLUGIN.replace("dense-pair", "other-pair"))
    done = command("-m", "animesearch", "list", "losses", "--plugin", one, "--plugin", two)
    assert done.returncode == 2
    assert f"'soft-margin' is registered twice: in {one} and in {two}" in done.stderr


# -- once, and the same everywhere -----------------------------------------------------------------

COUNTING = """
from dataclasses import dataclass
from pathlib import Path

with Path({log!r}).open("a") as log:
    log.write("x")


class Plain:
    def __init__(self, value):
        self.value = value


@dataclass(frozen=True)
class Frozen:
    value: int


class Named(Plain):
    class Inner:
        pass
"""


@pytest.fixture
def counting(tmp_path: Path) -> tuple[Path, Path]:
    """A plug-in that registers nothing, and the file where it counts its imports."""
    log = tmp_path / "log"
    return write(tmp_path / "counting.py", COUNTING.format(log=str(log))), log


def test_one_content_is_imported_once(counting: tuple[Path, Path], tmp_path: Path) -> None:
    file, log = counting
    twin = tmp_path / "twin.py"
    shutil.copy(file, twin)
    first = load_plugins([file, twin, file])
    assert [plugin.file for plugin in first] == [str(file)]
    assert load_plugins([twin])[0].module == first[0].module
    import_plugins(first)
    assert log.read_text() == "x"


def test_a_file_changed_meanwhile_is_refused(counting: tuple[Path, Path]) -> None:
    file, log = counting
    load_plugins([file])
    file.write_text(file.read_text() + "\nmore = 1\n")
    with pytest.raises(UserError, match=r"changed after this process had loaded it.*start a new"):
        load_plugins([file])
    assert log.read_text() == "x"


def test_instances_bring_the_plugin_along(
    counting: tuple[Path, Path], command: Command, tmp_path: Path
) -> None:
    """Unpickled in a process that has not heard of the plug-in, its file gone."""
    file, log = counting
    [plugin] = load_plugins([file])
    module = sys.modules[plugin.module]
    values = {"a": [module.Plain(1), module.Frozen(2)], "b": module.Named(module.Named.Inner)}
    values["b"].value = 3
    (tmp_path / "values").write_bytes(pickle.dumps(values))
    file.unlink()
    code = (
        f"import pickle, sys; v = pickle.loads(open({str(tmp_path / 'values')!r}, 'rb').read());"
        "print([type(x).__name__ + str(x.value) for x in (*v['a'], v['b'])],"
        "v['a'][1] == type(v['a'][1])(2), type(v['b']).__module__ in sys.modules)"
    )
    done = command("-c", code)
    assert done.stdout.strip() == "['Plain1', 'Frozen2', 'Named3'] True True", done.stderr
    assert log.read_text() == "xx"


def test_copies_in_this_process_are_as_ever(counting: tuple[Path, Path]) -> None:
    [plugin] = load_plugins([counting[0]])
    plain = sys.modules[plugin.module].Plain([1])
    for twin in (copy.deepcopy(plain), copy.copy(plain), pickle.loads(pickle.dumps(plain))):
        assert type(twin) is type(plain) and twin.value == [1] and twin is not plain
    assert copy.copy(plain).value is plain.value is not copy.deepcopy(plain).value


def test_names_of_copies() -> None:
    plugin = Plugin("/a/my loss.v2.py", b"x = 1\n")
    assert plugin.copy_name == f"my_loss_v2-{plugin.digest[:12]}.py"
    assert Plugin(plugin.copy_name, plugin.source).copy_name == plugin.copy_name
    assert len(Plugin("x" * 250 + ".py", b"").copy_name) < 100


# -- the run folder --------------------------------------------------------------------------------


def info_of(plugins: dict[str, str]) -> RunInfo:
    return RunInfo(
        name="n",
        created="c",
        version="v",
        space_file="s",
        seed=0,
        metric="m",
        protocol={},
        rungs=(1,),
        trials=1,
        dataset={},
        space={},
        environment={},
        plugins=plugins,
    )


def test_the_run_folder_keeps_copies_and_knows_them(tmp_path: Path) -> None:
    folder, plugin = RunFolder.create(tmp_path / "run"), Plugin("mine.py", b"raise SystemExit\n")
    info = info_of(folder.keep_plugins([plugin]))
    assert info.plugins == {plugin.copy_name: plugin.digest}
    [kept] = folder.kept_plugins(info)  # read, not run
    assert (kept.source, kept.file) == (plugin.source, str(folder.plugins / plugin.copy_name))
    (folder.plugins / "stranger.py").write_text("raise SystemExit\n")
    assert len(folder.kept_plugins(info)) == 1
    (folder.plugins / plugin.copy_name).write_bytes(b"raise SystemExit \n")
    with pytest.raises(RunFolderError, match="was changed since the run began"):
        folder.kept_plugins(info)
    (folder.plugins / plugin.copy_name).unlink()
    with pytest.raises(UserError, match="there is no plug-in"):
        folder.kept_plugins(info)


@pytest.mark.parametrize("name", ["../mine.py", "/tmp/mine.py", "a/b.py", ".."])
def test_the_run_folder_names_nothing_outside(tmp_path: Path, name: str) -> None:
    folder = RunFolder.create(tmp_path / "run")
    (tmp_path / "mine.py").write_text("")
    digest = Plugin("mine.py", b"").digest
    with pytest.raises(UserError):
        folder.kept_plugins(info_of({name: digest}))
