"""
Gradio's interfaces that a program launches (gradio 4 to 6, blocks.py and http_server.py).

``launch`` listens on 127.0.0.1:7860, or where GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say, and does not return unless
it is told to. What it answers is its own page and interface, which is not followed.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const, root_of
from imagespec.analyzers.servers.calls import Address, Server, host_of, port_of, tls_of

_MAKERS = ("Blocks", "Interface", "ChatInterface", "TabbedInterface")
_NAME, _PORT = "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"
_DEMANDING = ("share", "prevent_thread_lock", "inbrowser", "ssl_keyfile", "ssl_certfile")
"""Arguments that reach for other services, or let it return."""
_NO = (None, Const(None), Const(value=False))


def _launch(call: Call, program: Program) -> Address | str:
    made = root_of(call.receiver)
    plain = all(call.keywords.get(name) in _NO for name in _DEMANDING) and not call.spread and not call.args
    known = isinstance(made, Call) and made.subclass is None
    return Address(
        host=_host(call, program),
        port=_port(call, program),
        server="gradio",
        tls=tls_of(call.argument(None, "ssl_certfile")),
        certain=plain and known and not _is_told_more(program),
    )


def _is_told_more(program: Program) -> bool:
    """Tell whether variables share it, reload it, or let its own request to itself go elsewhere."""
    names = {name.upper() for name in program.environment}
    own = {name for name in names if name.startswith("GRADIO_")} - {_NAME, _PORT}
    return (
        bool(own or names & {"HTTP_PROXY", "ALL_PROXY", "SPACE_ID"}) or program.environment_has(_NAME) is None
    )


def _variable(program: Program, name: str, default: str) -> str | None:
    """Return a variable that Gradio reads when it is imported; None where the program itself changes it."""
    before = program.step.environment().get(name, default)
    return before if program.environment.get(name, default) == before else None


def _host(call: Call, program: Program) -> str | None:
    given = host_of(call.argument(None, "server_name"), "")
    return _variable(program, _NAME, "127.0.0.1") if given == "" else given


def _port(call: Call, program: Program) -> int | None:
    given = call.argument(None, "server_port")
    if given is not None and given != Const(None):
        return port_of(given, None)
    return port_of(Const(_variable(program, _PORT, "7860") or "?"), None, text=True)


CALLS: Mapping[str, Server] = {
    f"gradio.{maker}(){queue}.launch": _launch for maker in _MAKERS for queue in ("", ".queue()")
}
"""By the name of the call that serves."""

SETUP = ("gradio.",)
"""Components, themes and events."""
