"""
Gradio (3.40 to 6.31, blocks.py and networking.py): ``launch`` serves and, in a program, does not return.

It is at 127.0.0.1:7860 unless ``server_name``, ``server_port`` or GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import UNKNOWN, Call, Const, Value
from imagespec.analyzers.servers.calls import Address, Server, host_of, port_of, tls_of

_MADE = ("Interface", "Blocks", "ChatInterface", "TabbedInterface")


def _launch(call: Call, program: Program) -> Address | str:
    thread = call.argument(None, "prevent_thread_lock")
    return Address(
        host=host_of(_given(call, "server_name", "GRADIO_SERVER_NAME", program), "127.0.0.1"),
        port=port_of(_given(call, "server_port", "GRADIO_SERVER_PORT", program), 7860, text=True),
        server="gradio",
        tls=tls_of(call.argument(None, "ssl_certfile")),
        certain=not call.spread and thread in {None, Const(value=False)},
    )


def _given(call: Call, keyword: str, variable: str, program: Program) -> Value | None:
    value = call.argument(None, keyword)
    if value not in {None, Const(None)} or variable not in program.environment:
        return value
    text = program.environment[variable]
    return UNKNOWN if text is None else Const(text)


CALLS: Mapping[str, Server] = {
    f"gradio.{made}{queued}.launch": _launch for made in _MADE for queued in ("()", "().queue()")
}

SETUP = ("gradio.",)
