"""The modules that a followed Python program imports, absolutely and relatively, and what they bind."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from imagespec.analyzers.python.evaluator import OPEN_NAMES, Evaluator, Model
from imagespec.analyzers.python.flow import Flow, Stop
from imagespec.analyzers.python.running import Running, find_running
from imagespec.analyzers.python.source import BrokenSource, Found, Source, Sources
from imagespec.analyzers.python.state import FRAMES, Frame
from imagespec.analyzers.python.values import (
    NAMESPACE,
    UNKNOWN,
    Const,
    External,
    Member,
    Module,
    Scope,
    Value,
)
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.startup.users import closed_file
from imagespec.verdict import Evidence

_IMPORTS = 14
"""Imports inside one another that are followed, beside calls."""


class Importer(Evaluator):
    """Finds and follows the modules of a program; the base of `program.Program`."""

    def __init__(
        self, step: Step, sources: Sources, models: Mapping[str, Model], values: Mapping[str, Model]
    ) -> None:
        super().__init__(step, sources, models, values)
        self.modules: dict[str, Module] = {}
        self.loaded: list[Module] = []
        """All modules whose source was followed, also those that Python gave up."""
        self._shadows_checked = False
        self._running: tuple[int, Running] = (0, find_running([]))

    def block(self, statements: list[ast.stmt]) -> Flow:
        """Follow statements; `program` supplies this."""
        raise NotImplementedError

    def running(self) -> Running:
        """Return what the parts that may run of the modules that were loaded by now set."""
        if self._running[0] != len(self.loaded):
            self._running = (len(self.loaded), find_running(self.loaded))
        return self._running[1]

    def _new_module(self, name: str, source: Source, package: str, directory: str | None) -> Module:
        names: dict[str, Value] = {"__name__": Const(name), "__file__": Const("/" + source.path)}
        module = Module(name, source.path, source.layer, Scope(names), package, directory, source.tree)
        self.loaded.append(module)
        return module

    def _execute(self, module: Module, tree: ast.Module) -> None:
        line = self.line
        self.frames.append(Frame(module, module.scope, self.certain))
        try:
            self.block(tree.body)
        except Stop:
            self.modules.pop(module.name, None)  # as Python does when a module's code raises
            raise
        finally:
            self.frames.pop()
            self.line = line

    def import_module(self, name: str) -> Value:
        """Return the module of an absolute import; raises Stop where it is certainly missing."""
        parent, _, last = name.rpartition(".")
        if name in self.modules:
            return self.modules[name]
        if not parent:
            return self._load(name, self.sources.find(name), name)
        above = self.import_module(parent)
        if not isinstance(above, Module):
            return External(name) if isinstance(above, External) else UNKNOWN
        if above.directory is None:
            return UNKNOWN
        return self._load(name, self.sources.find_below(above.directory, last), name)

    def _load(self, name: str, found: Found, shown: str) -> Value:
        match found.kind:
            case "library":
                self._check_shadows()
                return External(name)
            case "perhaps":
                self.gap(self.here(f"{shown} is imported, and is only among the packages of one user"))
                return External(name)
            case "directory":
                module = Module(name, found.path, None, Scope({}), name, found.directory)
                self.modules[name] = module
                return module
            case "missing":
                return self._missing(name, shown)
        self.check_readable(found.path)
        loaded = self.sources.load(found.path)
        if isinstance(loaded, BrokenSource):
            raise self.stop("syntax", f"{found.path} {loaded}: Python stops here")
        if isinstance(loaded, str) or len(self.frames) > _IMPORTS + FRAMES:
            reason = loaded if isinstance(loaded, str) else "is imported more deeply than is followed"
            self.gap(Evidence(message=f"{found.path} {reason}", path=found.path))
            return UNKNOWN
        package = name if found.directory is not None else name.rpartition(".")[0]
        module = self._new_module(name, loaded, package, found.directory)
        self.modules[name] = module
        self._execute(module, loaded.tree)
        return module

    def check_readable(self, path: str) -> None:
        """Record a gap where the program's user may not read a source file."""
        closed = closed_file(self.step.user, path, self.sources.rootfs)
        if closed is not None:
            message = (
                f"the user {self.step.user} may not be allowed to read {closed.path}; Python stops here then"
            )
            self.gap(self.here(message))

    def _check_shadows(self) -> None:
        if self._shadows_checked:
            return
        self._shadows_checked = True
        path = self.sources.shadowing()
        if path is not None:
            message = (
                f"{path} takes the place of a module of Python's own, also for the libraries, which may fail"
            )
            self.gap(Evidence(message=message, path=path))

    def _missing(self, name: str, shown: str) -> Value:
        if self.sources.exact:
            raise self.stop("import", f"{shown} is imported, and is not in the image: Python stops here")
        self.gap(self.here(f"{shown} is imported, and was not found where this Python certainly looks"))
        return External(name)

    def module_attribute(self, module: Module, name: str) -> Value:
        """Return what a module has under a name: a variable, or a submodule imported before."""
        if name in module.scope.names:
            return module.scope.names[name]
        if (found := self.modules.get(f"{module.name}.{name}")) is not None:
            return found
        if name == NAMESPACE:
            return Member(module, name)
        if module.tree is not None and not self._may_have_more(module, name):
            self.missing_attribute(f"the module {module.name}", name)
        return UNKNOWN

    def _may_have_more(self, module: Module, name: str) -> bool:
        """Tell whether a module may have a name that is not seen."""
        writers = ("builtins.globals", "builtins.vars", "builtins.setattr", "builtins.locals", "?")
        return (
            self.doubt
            or name.startswith("__")
            or bool({OPEN_NAMES, "__getattr__"} & module.scope.names.keys())
            or any(call.name.startswith(writers) for call in self.calls)
        )

    def import_from(self, module: Value, name: str) -> Value:
        """Return what ``from module import name`` binds."""
        if not isinstance(module, Module):
            return self.attribute(module, name) if isinstance(module, External) else UNKNOWN
        if name in module.scope.names:
            return module.scope.names[name]
        if module.directory is not None:
            return self.import_module(f"{module.name}.{name}")
        if not self._may_have_more(module, name):
            raise self.stop(
                "import", f"{name[:100]} is imported from {module.name}, which has none: Python stops here"
            )
        return UNKNOWN

    def import_relative(self, level: int, name: str) -> Value:
        """Return the module of ``from ..name import``."""
        parts = self.frame.module.package.split(".") if self.frame.module.package else []
        if level > len(parts):
            raise self.stop("import", "an import relative to no package: Python stops here")
        base = parts[: len(parts) - level + 1]
        return self.import_module(".".join([*base, name] if name else base))
