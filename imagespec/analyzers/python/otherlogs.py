"""Other ways in which a Python program's logs do not come to its standard streams."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from imagespec.analyzers.python.flow import own_nodes
from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, Function, name_of
from imagespec.verdict import Evidence

_ELSEWHERE = {
    "logging.handlers.DatagramHandler",
    "logging.handlers.HTTPHandler",
    "logging.handlers.MemoryHandler",
    "logging.handlers.NTEventLogHandler",
    "logging.handlers.SMTPHandler",
    "logging.handlers.SocketHandler",
    "logging.handlers.SysLogHandler",
}
_STREAMS = {"sys.stdout", "sys.stderr"}


def sends_elsewhere(call: Call, program: Program) -> bool:
    """Tell whether a call makes a handler that writes to no standard stream, or takes such a stream away."""
    first = call.args[0] if call.args else None
    if call.name in _ELSEWHERE:
        return True
    if call.name == "logging.handlers.QueueHandler":
        return not any(other.name == "logging.handlers.QueueListener" for other in program.calls)
    if call.name == "logging.Handler" and call.subclass is not None:
        emit = call.subclass.find("emit")
        return isinstance(emit, Function) and any(map(_writes, own_nodes(emit.node)))
    if call.name == "builtins.setattr":
        return (
            name_of(first) == "sys"
            and len(call.args) > 1
            and call.args[1] in {Const("stdout"), Const("stderr")}
        )
    if call.name == "os.close":
        return first in {Const(1), Const(2)}
    return call.name.endswith(".close") and call.name.removesuffix(".close") in _STREAMS


def _writes(node: ast.AST) -> bool:
    """Tell whether a node opens a file, or writes to something else than a standard stream."""
    if not isinstance(node, ast.Call):
        return False
    text = ast.unparse(node.func)[:200]
    return text in {"open", "io.open"} or (text.endswith(".write") and "std" not in text)


def written_logs(program: Program) -> Iterator[Evidence]:
    """Yield each place in the program's sources that writes to a file by a name that ends in ``.log``."""
    for module in program.loaded:
        for node in ast.walk(module.tree) if module.tree is not None else ():
            if isinstance(node, ast.Call) and _is_log(node):
                yield Place(module.path, node.lineno, module.layer).evidence(
                    "a file of a log's name is written"
                )


def _is_log(node: ast.Call) -> bool:
    if not (isinstance(node.func, ast.Name) and node.func.id == "open" and node.args):
        return False
    given = [*node.args[1:2], *(item.value for item in node.keywords if item.arg == "mode")]
    mode = given[0].value if given and isinstance(given[0], ast.Constant) else "r"
    path = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
    return isinstance(path, str) and path.endswith(".log") and bool(set(str(mode)) & set("awx+"))
