"""
Random small Python programs, and what CPython does with them.

A program calls ``sink.serve(value)`` here and there. Some values come from environment variables that only a run tells.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import types
from collections.abc import Iterator, Mapping

import attrs

CONF = "p = 8080\nq = 9000\ndef f():\n    return p\ndef set_p(value):\n    global p\n    p = value\n"
"""The source of the module ``conf`` beside the program."""

_HEAD = """\
import contextlib, dataclasses, enum, functools, os
import sink
import conf
from conf import p as early
a, b, c = 8080, 9000, 1
text = "8080"
items = [8080, 9000, 1]
alias = items
table = {"a": 8080, "b": 9000, "n": {"x": 8080, "y": [8080, 1]}}
other = table
ASKED = os.environ.get("U") == "1"
class Base:
    x = 8080
    def __init__(self, v=9000, *args, **kw):
        self.v, self.kw = v, kw
    def get(self):
        return self.v
    @property
    def prop(self):
        return self.x
    @classmethod
    def make(cls, v):
        return cls(v)
    def set(self, v):
        if v == 9000:
            self.v = 1
        else:
            self.x = v
        return self
class Derived(Base):
    x = 9000
    def get(self):
        return super().get()
@dataclasses.dataclass
class Record:
    x: int = 8080
    y: int = dataclasses.field(default=9000)
class Kind(enum.Enum):
    A = 8080
thing = Derived()
same = thing
record = Record()
def outer(v=8080, *rest, k=9000):
    def inner(w):
        nonlocal v
        v = w
        return v
    return inner
def changed(function):
    def wrapper(v):
        return function(9000)
    return wrapper
@changed
def identity(v):
    return v
def defaults(v, w=a, *, k=early):
    return w if v == 1 else k
def found(v):
    for item in items:
        if item == v:
            return item
    else:
        return 0
def number(v):
    try:
        return int(v)
    except ValueError:
        return 9000
    finally:
        conf.q = 1
"""

_VALUES = (
    "8080", "9000", "1", "a", "b", "c", "thing.x", "thing.v", "same.v", "Derived.x", "conf.p", "conf.q", "early",
    "thing.get()", "thing.prop", "items[0]", "items[-1]", "alias[0]", 'table["a"]', 'other["b"]', 'table["n"]["x"]',
    'table["n"]["y"][0]', 'table.get("a")', 'table.get("z", 3)', "len(items)", "record.x", "record.y", "Kind.A.value",
    "conf.f()", 'vars(thing)["v"]', 'thing.__dict__["v"]', 'globals()["a"]', "int(text)", 'int(os.environ["N"])',
    'int(os.environ.get("T", "7"))', '{"a": 3, **table}["a"]', "items[1:][0]", "sum([w for w in items])", "int(ASKED)",
)  # fmt: skip
_OF_OTHERS = (
    "({0} + {1})", "({0} - {1})", "({0} or {1})", "({0} and {1})", "({0} if {2} else {1})", "max({0}, {1})",
    'int(os.environ.get("M", {0}))', "int(str({0}))", "(lambda v: v)({0})", "(a := {0})", "thing.set({0}).v",
    "Derived.make({0}).v", "Record({0}).x", "Record(y={0}).y", "outer({0})({1})", "identity({0})", "defaults({0})",
    "defaults({0}, {1})", "defaults(1, k={0})", "found({0})", "number({0})", 'number("x")', "f({0})", "g({0})",
    'getattr(thing, "x", {0})', "({0}, {1})[1]", "[*items, {0}][-1]", 'int("%d" % {0})', 'int(f"{{{0}}}")',
)  # fmt: skip
_CONDITIONS = (
    'os.environ.get("U") == "1"', "ASKED", "{0} == {1}", "{0} > {1}", "not {0}", "{0} in items", '"a" in table', "{0}",
    "(w := {0}) > 5",
)  # fmt: skip
_STATEMENTS = (
    "a = {0}", "b = {0}", "c = {0}", "a += {0}", "a, b = b, {0}", "a = c = {0}", "b, *_ = items", "thing.x = {0}",
    "same.v = {0}", "Derived.x = {0}", "Base.x = {0}", "conf.p = {0}", "conf.q = {0}", "conf.set_p({0})",
    "items[0] = {0}", "items.append({0})", "alias.insert(0, {0})", "items.extend([{0}, 5])", "items.reverse()",
    "items.sort()", "items.append(items.pop(0))", "items[:] = [{0}, 2, 3]", 'table["a"] = {0}', 'other["b"] = {0}',
    'table["n"]["x"] = {0}', "table.update(a={0})", 'table.setdefault("z", {0})', 'setattr(thing, "x", {0})',
    'setattr(Derived, "x", {0})', 'globals()["b"] = {0}', 'thing.__dict__["v"] = {0}', "vars(thing).update(v={0})",
    "record.x = {0}", "thing.set({0})", 'os.environ["O"] = str({0}); a = int(os.environ["O"])', "f({0})", "g({0})",
    "from conf import q as c", "for b in [{0}]: pass",
)  # fmt: skip
_BLOCKS = (
    "if {0}:", "while {0}:", "for a in [1, 2]:", "for k in items[:3]:", "for k in list(table):", "try:",
    "with contextlib.suppress(ValueError):", "match {0}:",
)  # fmt: skip


class _Writer:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._depth = 0
        self._rounds = 0

    def program(self) -> str:
        lines = _HEAD.splitlines()
        for name in ("f", "g"):
            lines += [
                f"def {name}(v):",
                *self._random.choice(([], ["    global a, b, c"], ["    a = b = c = 4"])),
            ]
            lines += self._some("    ", 3, inside="function").replace(f"{name}(", "int(").splitlines()
            lines.append(f"    return {self._value(1)}".replace(f"{name}(", "int("))
            if name == "f":  # they must not call one another for ever
                lines = [line.replace(" g(", " int(").replace("(g(", "(int(") for line in lines]
        return "\n".join(lines) + "\n" + self._some("", 8) + f"sink.serve({self._value(1)})\n"

    def _value(self, depth: int = 2) -> str:
        choose = self._random
        if not depth or choose.random() < 0.5:
            return choose.choice(_VALUES)
        inner = (self._value(depth - 1), self._value(depth - 1), self._condition(depth - 1))
        return choose.choice(_OF_OTHERS).format(*inner)

    def _condition(self, depth: int = 1) -> str:
        return self._random.choice(_CONDITIONS).format(self._value(depth), self._value(depth))

    def _some(self, indent: str, most: int, inside: str = "") -> str:
        return "".join(self._statement(indent, inside) for _ in range(self._random.randint(1, most)))

    def _statement(self, indent: str, inside: str) -> str:
        choose = self._random
        chance = choose.random()
        if chance < 0.15:
            return f"{indent}sink.serve({self._value()})\n"
        if chance < 0.2 and inside:
            leave = "return 5" if inside == "function" else choose.choice(("break", "continue"))
            return f"{indent}if {self._condition()}: {leave}\n"
        if chance < 0.23:
            return f"{indent}if {self._condition()}: raise ValueError\n"
        if chance < 0.5 and self._depth < 3:
            self._depth += 1
            try:
                return self._block(indent, inside)
            finally:
                self._depth -= 1
        return indent + choose.choice(_STATEMENTS).format(self._value()) + "\n"

    def _block(self, indent: str, inside: str) -> str:
        head = self._random.choice(_BLOCKS)
        deeper = indent + "    "
        word = head.split()[0].rstrip(":")
        if word == "while":
            self._rounds += 1
            count = f"n{self._rounds}"
            bound = self._random.choice(("2", 'int(os.environ["N"]) % 3'))
            start = f"{indent}{count} = 0\n{indent}while {count} < {bound}:\n{deeper}{count} += 1\n"
            return start + self._some(deeper, 2, "loop")
        if word == "match":
            cases = "".join(
                f"{deeper}case {pattern}:\n{self._some(deeper + '    ', 1, inside)}"
                for pattern in ("8080", "_")
            )
            return f"{indent}{head.format(self._value())}\n{cases}"
        text = f"{indent}{head.format(self._condition())}\n"
        text += self._some(deeper, 2, "loop" if word == "for" else inside)
        if word == "try":
            text += f"{indent}except {self._random.choice(('ValueError', 'Exception'))}:\n" + self._some(
                deeper, 1, inside
            )
        if (word == "if" and self._random.random() < 0.5) or self._random.random() < 0.1:
            text += f"{indent}else:\n" + self._some(deeper, 1, inside) if word in {"if", "for", "try"} else ""
        return text


def write_program(seed: int) -> str:
    """Return the source of one program."""
    return _Writer(seed).program()


@attrs.frozen
class Served:
    """What a run did: the line and the value of each ``sink.serve``, and what ended it."""

    calls: tuple[tuple[int, object], ...]
    error: Exception | None


@contextlib.contextmanager
def _surroundings(sink: types.ModuleType, environment: Mapping[str, str]) -> Iterator[None]:
    conf = types.ModuleType("conf")
    exec(CONF, conf.__dict__)
    before, modules = dict(os.environ), {name: sys.modules.get(name) for name in ("sink", "conf")}
    sys.modules.update({"sink": sink, "conf": conf})
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for name, module in modules.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def run_program(source: str, environment: Mapping[str, str]) -> Served:
    """Run a program in this process, with these environment variables alone."""
    calls: list[tuple[int, object]] = []
    sink = types.ModuleType("sink")
    setattr(sink, "serve", lambda value: calls.append((sys._getframe(1).f_lineno, value)))  # noqa: B010
    error: Exception | None = None
    with _surroundings(sink, environment):
        try:
            exec(compile(source, "app.py", "exec"), {"__name__": "__main__"})
        except Exception as raised:  # noqa: BLE001 - whatever ends a random program
            error = raised
    return Served(tuple(calls), error)
