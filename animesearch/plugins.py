"""Plug-ins: Python files of the user's that register components (``--plugin file.py``).

A plug-in is one file that stands for itself: it may import this package and what is installed,
not its neighbours.  It is imported under a name made from its content, so that the same file is
the same module in the driver, in Ray's workers on any node, and in a run that is resumed from
the copy in its folder; workers are sent the text.  One process takes one version of a file:
the classes of two would stand in its registries and its pickles side by side, so the second is
refused, not replaced.

Loading a plug-in runs its code.  Nothing here loads what the user has not named, either by
``--plugin`` or by asking to go on with, or to draw from, a run that keeps plug-ins.
"""

from __future__ import annotations

import copyreg
import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from operator import attrgetter
from pathlib import Path
from traceback import walk_tb
from types import CodeType, ModuleType
from typing import Any

from animesearch.errors import UserError

PREFIX = "animesearch_plugin_"
MESSAGE_LIMIT, NAME_LIMIT = 400, 200
MAX_BYTES = 1_000_000
"""Of a plug-in: every worker is sent a copy."""


@dataclass(frozen=True)
class Plugin:
    """A plug-in's text; ``file`` is where the user has it, for messages only."""

    file: str
    source: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def module(self) -> str:
        """The name that it is imported under."""
        return PREFIX + self.digest[:12]

    @property
    def copy_name(self) -> str:
        """A file name for a copy: plain characters, different for different texts."""
        mark = f"-{self.digest[:12]}"
        stem = re.sub("[^A-Za-z0-9_-]", "_", Path(self.file).stem.removesuffix(mark))
        return f"{stem[:60]}{mark}.py"


def load_plugins(paths: Iterable[Path]) -> tuple[Plugin, ...]:
    """Read and import the files, each content once.

    Raises :class:`UserError` as :func:`read_plugin` and :func:`import_plugins` do.
    """
    plugins: dict[str, Plugin] = {}
    for plugin in map(read_plugin, paths):
        plugins.setdefault(plugin.module, plugin)
    import_plugins(plugins.values())
    return tuple(plugins.values())


def read_plugin(path: Path) -> Plugin:
    """The plug-in in the file ``path``; nothing of it is run.

    Raises :class:`UserError` for what is no readable file of at most ``MAX_BYTES``.
    """
    name = str(path)[:NAME_LIMIT]
    try:
        if not path.exists():
            raise UserError(f"there is no plug-in {name}")
        if not path.is_file():
            raise UserError(f"the plug-in {name} is not a file; a plug-in is one Python file")
        with path.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read the plug-in {name}: {why}") from error
    if len(source) > MAX_BYTES:
        raise UserError(
            f"the plug-in {name} is larger than {MAX_BYTES:,} bytes; a plug-in is one Python file"
        )
    return Plugin(str(path), source)


def import_plugins(plugins: Iterable[Plugin]) -> None:
    """Import those that this process has not yet; their decorators register the components.

    Raises :class:`UserError` with file and line for one that cannot be imported, that registers
    a name that is taken, or that was changed after this process had imported it.  What it had
    registered by then stays, so such a process should end.
    """
    for plugin in plugins:
        if plugin.module not in sys.modules:
            _import(plugin)


def _import(plugin: Plugin) -> None:
    if any(p.file == plugin.file and p.module in sys.modules for p in _FINDER.known.values()):
        raise UserError(
            f"the plug-in {plugin.file} was changed after this process had loaded it; a process "
            "takes one version of a plug-in: start a new one"
        )
    _FINDER.known[plugin.module] = plugin
    try:
        importlib.import_module(plugin.module)
    except (Exception, SystemExit) as error:
        raise UserError(_told(plugin, error)) from error


def _told(plugin: Plugin, error: BaseException) -> str:
    """Where in the plug-in ``error`` arose, and what it says, on one line."""
    lines = [line for frame, line in walk_tb(error.__traceback__) if _is_of(frame.f_code, plugin)]
    if isinstance(error, SyntaxError) and error.filename == plugin.file:
        lines = [error.lineno or 1]
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    for known in _FINDER.known.values():
        said = said.replace(known.module, known.file)
    text = " ".join(f"{type(error).__name__}: {said}".split())
    where = f", line {lines[-1]}" if lines else ""
    cut = text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 1]}…"
    return f"plug-in {plugin.file}{where}: {cut}"


def _is_of(code: CodeType, plugin: Plugin) -> bool:
    return code.co_filename == plugin.file


class _Loader(InspectLoader):
    """Runs a plug-in's text; tracebacks show its lines even where the file is not at hand."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return decode_source(self._plugin.source)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        code: CodeType = compile(self._plugin.source, self._plugin.file, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _make_portable(module)


class _Finder(MetaPathFinder):
    """Finds the plug-ins that this process has been told of, also while it unpickles."""

    def __init__(self) -> None:
        self.known: dict[str, Plugin] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        plugin = self.known.get(fullname)
        if plugin is None:
            return None
        spec = ModuleSpec(fullname, _Loader(plugin), origin=plugin.file)
        spec.has_location = True
        return spec


_FINDER = _Finder()
sys.meta_path.append(_FINDER)


def _make_portable(module: ModuleType) -> None:
    """Instances of the plug-in's classes are pickled together with the plug-in.

    Pickle names a class by its module only; a process that has not loaded the plug-in could not
    read it, and Ray unpickles what it hands to a function before that can load anything.
    """
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            copyreg.pickle(value, _reduce)


def _reduce(instance: Any) -> tuple[Any, ...]:
    cls = type(instance)
    how, arguments, *state = instance.__reduce_ex__(4)
    if how is not copyreg.__newobj__ or arguments != (cls,):  # type: ignore[attr-defined]
        return (how, arguments, *state)
    return (_blank, (_FINDER.known[cls.__module__], cls.__qualname__), *state)


def _blank(plugin: Plugin, name: str) -> object:
    """An instance without state of the plug-in's class ``name``."""
    import_plugins((plugin,))
    cls: Any = attrgetter(name)(sys.modules[plugin.module])
    return cls.__new__(cls)
