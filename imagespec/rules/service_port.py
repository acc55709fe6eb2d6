"""
The service listens on the platform's port, reachable from outside the container.

What it checks
--------------
What the start command binds: the command is followed through scripts and wrappers to the server, and the server's
address comes from its command line, its environment, its configuration or its source. `EXPOSE` is shown as evidence but
decides nothing: it opens no port, and a server needs none.

Why it matters
--------------
The platform sends requests to this port of the container's address. A server on another port, or on the loopback
interface, gets none of them, and the deployment ends as unhealthy.

What passes
-----------
A step of the start command certainly listens on the port on all interfaces, and no step of the command fails.

What fails
----------
Every listener is known, and each has another port, a loopback address, a Unix socket, or IPv6 only; or nothing listens,
also because a program certainly ends before (its syntax is wrong, a module that it imports is not in the image); or the
container cannot start; or the start command ends at once and leaves the server in the background, where it ends with
the container.

What stays unknown
------------------
An address or port comes from a value that the bytes do not tell, or the address is a single one, or `::` without a word
on IPv4; the server runs on some branches only, or speaks another protocol than HTTP; or a program that may listen is
not understood.

The server may also end before it listens. What the image lacks may be mounted or set on the platform, so each of these
leaves the verdict open, and the evidence names its place:

* a Python program reads a file, changes to a directory, or needs an environment variable that the image does not have;
  or it writes where its user may not, or where there is no directory;
* it needs a setting or an item of a configuration that is not there, or asks a database or another server first, waits, or
  sends itself a signal;
* it uses a name or an attribute that nothing defines, imports what may not be found, or may lack the application that
  its server is told;
* an operation on values that the program's text tells raises: a key or item that is not there, None where a variable of the
  environment is not set, other arguments than a function takes, a class that cannot be made;
* its framework refuses what it registers: two views of one name in Flask, a blueprint's route after the blueprint, a rule
  that is none, a type that pydantic does not know;
* a server refuses its options or their files, or a hook of gunicorn's or Django's settings raises;
* a model server lacks its model; nginx lacks a certificate or a directory, cannot resolve a host, or is given a
  directive twice or one that it may not know;
* a command behind which the server stands may fail (`&&`, `set -e`), or its redirection cannot be opened;
* the server runs in the background, and nothing that is known keeps the container up; or two servers want one port;
* another step of the start command fails.

Where a batch image's boot file cannot run, or its start command stops before it, `boot-file` or `boot-command` fails,
and this rule says so and stays unknown.

How to fix
----------
Bind `0.0.0.0` and the port explicitly: `app.run(host="0.0.0.0", port=8080)`, `uvicorn --host 0.0.0.0 --port 8080`,
`gunicorn --bind 0.0.0.0:8080`.

Source
------
"Specifications for Custom Images Used for Importing Models", external port of images: 8080.
"""

from __future__ import annotations

import ipaddress

from imagespec.analyzers.facts import Facts
from imagespec.analyzers.servers.listening import Listener
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_ALL_INTERFACES = ("", "0.0.0.0", "*")  # noqa: S104 - compared with, not bound
# Their event loop sets IPV6_V6ONLY (CPython asyncio/base_events.py, create_server), as observed with uvicorn.
# nginx sets it by default since 1.3.4 (ngx_http_core_module, "ipv6only"), as observed as well.
_IPV6_ONLY_SERVERS = frozenset(("uvicorn", "hypercorn", "aiohttp", "nginx"))


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    port: int = parameters["port"]
    reach = [(listener, _reaches(listener, port)) for listener in facts.listening.listeners]
    proven = [listener for listener, answer in reach if answer and listener.certain]
    possible = [listener for listener, answer in reach if answer is not False]
    if facts.start.failures:
        return _cannot_start(facts, likely=bool(proven))
    if proven:
        summary = f"{proven[0].server} listens on port {port} on all interfaces"
        return Outcome(Verdict.PASS, summary, (*proven[0].evidence, *_exposed(facts)))
    if right := [listener for listener, answer in reach if answer]:
        summary = f"{_describe(right[0])}, unless something that is listed keeps it from that"
        return Outcome(Verdict.UNKNOWN, summary, _open(facts), _RUN_IT)
    if possible:
        summary = f"{_describe(possible[0])}: it is not certain that port {port} reaches it"
        return Outcome(Verdict.UNKNOWN, summary, _open(facts), _bind(port))
    return _unreached(facts, port)


_RUN_IT = (
    "Start the image once, with what is listed as it is on the platform, and see that it keeps listening."
)


def _bind(port: int) -> str:
    return f"Bind 0.0.0.0:{port} explicitly."


def _unreached(facts: Facts, port: int) -> Outcome:
    """Answer where no listener that is known is reached on ``port``."""
    listeners, evidence, advice = facts.listening.listeners, _seen(facts), _bind(port)
    gaps = _gaps(facts)
    if gaps:
        summary = (
            f"a part of the start command could not be followed, and the rest does not listen on port {port}"
        )
        return Outcome(Verdict.UNKNOWN, summary, (*gaps, *evidence), _RUN_IT)
    if not listeners and facts.boot_file_is_broken:
        return _nothing_starts(evidence)
    if not listeners:
        return Outcome(
            Verdict.FAIL, "nothing that the start command runs listens on a port", evidence, advice
        )
    summary = "; ".join(f"{_describe(listener)}, {_fault(listener, port)}" for listener in listeners)
    return Outcome(Verdict.FAIL, summary, evidence, advice)


def _open(facts: Facts) -> tuple[Evidence, ...]:
    return (*_gaps(facts), *facts.start.doubts, *_seen(facts))


def _gaps(facts: Facts) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys((*facts.start.gaps, *facts.listening.gaps)))


def _seen(facts: Facts) -> tuple[Evidence, ...]:
    of_listeners = (item for listener in facts.listening.listeners for item in listener.evidence)
    return tuple(dict.fromkeys((*of_listeners, *facts.listening.never, *_exposed(facts))))


def _cannot_start(facts: Facts, *, likely: bool) -> Outcome:
    failures, exposed = facts.start.failures, _exposed(facts)
    if facts.boot_file_is_broken:
        return _nothing_starts((*failures, *exposed))
    if _is_for_boot_command(facts):
        return Outcome(Verdict.UNKNOWN, "the container cannot start; see boot-command", (*failures, *exposed))
    if likely and facts.start.ends:
        summary = "the start command ends at once, and the container with it"
        return Outcome(
            Verdict.FAIL,
            summary,
            (*failures, *exposed),
            "Run the server in the foreground: no `&` behind it.",
        )
    if likely:
        summary = "a server would listen, but a step of the start command fails"
        return Outcome(Verdict.UNKNOWN, summary, (*failures, *exposed))
    return Outcome(Verdict.FAIL, f"the container cannot start: {failures[0].message}", (*failures, *exposed))


def _is_for_boot_command(facts: Facts) -> bool:
    """Tell whether `boot-command` fails a batch service whose command stops short of its boot file: one fault, not two."""
    boot = facts.boot_file
    comes_to_it = boot is not None and any(step.script == boot.path for step in facts.steps)
    return facts.batch and not facts.start.gaps and not comes_to_it and not facts.starts_boot_file_directly


def _nothing_starts(evidence: tuple[Evidence, ...]) -> Outcome:
    return Outcome(
        Verdict.UNKNOWN, "no server starts, because the boot file cannot run; see boot-file", evidence
    )


def _reaches(listener: Listener, port: int) -> bool | None:
    """Tell whether a client outside reaches the listener on ``port``; None when a value is not known."""
    host = listener.host
    if (
        listener.socket is not None
        or listener.port not in (port, None)
        or (host is not None and _is_loopback(host))
    ):
        return False
    if host == "::":
        return False if listener.server in _IPV6_ONLY_SERVERS else None
    if host is None or listener.port is None or host not in _ALL_INTERFACES or listener.protocol != "http":
        return None
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _describe(listener: Listener) -> str:
    if listener.socket is not None:
        return f"{listener.server} listens on the Unix socket {listener.socket}"
    host = "an unknown address" if listener.host is None else listener.host or "all interfaces"
    port = "an unknown port" if listener.port is None else f"port {listener.port}"
    return f"{listener.server} listens on {host}, {port}"


def _fault(listener: Listener, port: int) -> str:
    """Say why nobody outside reaches a listener on ``port``."""
    if listener.socket is not None:
        return "and on no port"
    if listener.port not in (port, None):
        return f"not on port {port}"
    return "which only the container itself reaches" if listener.host != "::" else "for IPv6 only"


def _exposed(facts: Facts) -> tuple[Evidence, ...]:
    ports = facts.image.config.exposed_ports
    if not ports:
        return ()
    message = "EXPOSE documents ports, but opens none"
    return (Evidence(message=message, pointer="config#/config/ExposedPorts", seen=", ".join(ports)),)


RULE = Rule(
    id="service-port",
    doc=__doc__,
    check=_check,
    parameters={
        "port": {
            "type": "integer",
            "minimum": 1,
            "maximum": 65535,
            "default": 8080,
            "description": "the port that the platform calls",
        }
    },
)
