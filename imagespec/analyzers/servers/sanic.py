"""The command line of Sanic (22.12 to 25.12, cli/arguments.py): ``sanic MODULE:APP``, ``MODULE.APP`` or ``MODULE``."""

from __future__ import annotations

import attrs

from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.words import (
    Command,
    Options,
    parse_options,
    port_number,
    program_for,
    served,
    with_app,
    word_set,
)

_VALUED = word_set("-H --host -p --port -u --unix --cert --key --tls -R --reload-dir -w --workers")
_FLAGS = word_set("""--factory --debug -r --reload --auto-reload -d --dev --fast --single-process --access-logs
    --no-access-logs --access-log --no-access-log --motd --no-motd --coffee --no-coffee -v --verbosity
    --noisy-exceptions --no-noisy-exceptions""")


def follow_sanic(command: Command) -> Listening:
    """Return the listeners of ``sanic``: 127.0.0.1:8000 unless told otherwise."""
    options = parse_options(command.words, _VALUED, _FLAGS)
    target = options.operands[0] if len(options.operands) == 1 else None
    if options.problem or target is None or {"/", "\\"} & set(target):
        return command.gap(f"sanic: {options.problem or 'its application is not followed'}")
    program = program_for(command, "sanic")
    if isinstance(program, Listening):
        return program
    # worker/loader.py: without a colon the last dot parts the two, and without that the variable is "app".
    module, _, variable = target.rpartition(":" if ":" in target else ".")
    module, variable = (module, variable) if module else (variable, "app")
    factory = options.has("--factory") or variable.endswith("()")
    app = served(command, program, module, variable.removesuffix("()"), factory=factory)
    if not isinstance(app, Listening):
        app = attrs.evolve(app, interface="asgi")
    return with_app(command, [_listener(command, options)], app, program, certain=True)


def _listener(command: Command, options: Options) -> Listener:
    socket = options.last("-u", "--unix")
    host = options.last("-H", "--host") if options.has("-H", "--host") else "127.0.0.1"
    text = options.last("-p", "--port") if options.has("-p", "--port") else "8000"
    shown = socket or f"{'an unknown host' if host is None else host} and port {text or 'unknown'}"
    evidence = attrs.evolve(command.evidence, message=f"sanic binds {shown}")
    return Listener(
        host=None if socket else host,
        port=None if socket else port_number(text),
        server="sanic",
        certain=not options.has("-u", "--unix") or socket is not None,
        evidence=(*command.step.trail[:-1], evidence),
        socket=socket,
        tls=options.has("--cert", "--key", "--tls"),
    )
