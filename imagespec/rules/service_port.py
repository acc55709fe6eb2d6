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
A step of the start command certainly listens on the port on all interfaces.

What fails
----------
Every listener is known, and each has another port, a loopback address, a Unix socket, or IPv6 only; or nothing listens;
or the container cannot start.

What stays unknown
------------------
An address or port comes from a value that the bytes do not tell, the server runs on some branches only, or a program
that may listen is not understood.

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
from imagespec.analyzers.listening import Listener
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_ALL_INTERFACES = ("", "0.0.0.0", "*")  # noqa: S104 - compared with, not bound
# Their event loop sets IPV6_V6ONLY (CPython asyncio/base_events.py, create_server), as observed with uvicorn.
_IPV6_ONLY_SERVERS = frozenset(("uvicorn", "hypercorn", "aiohttp"))


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    port: int = parameters["port"]
    start, listening = facts.start, facts.listening
    reach = [(listener, _reaches(listener, port)) for listener in listening.listeners]
    exposed = _exposed(facts)
    proven = [listener for listener, answer in reach if answer and listener.certain]
    if start.failures:
        return _cannot_start(facts, exposed, likely=bool(proven))
    if proven:
        summary = f"{proven[0].server} listens on port {port} on all interfaces"
        return Outcome(Verdict.PASS, summary, (*proven[0].evidence, *exposed))
    evidence = (*(item for listener, _ in reach for item in listener.evidence), *listening.never, *exposed)
    advice = f"Bind 0.0.0.0:{port} explicitly."
    possible = [listener for listener, answer in reach if answer is not False]
    if possible:
        what = _describe(possible[0])
        return Outcome(
            Verdict.UNKNOWN, f"it is not certain that {what} is reachable on port {port}", evidence, advice
        )
    if listening.gaps:
        summary = f"a part of the start command could not be followed, and what could does not listen on port {port}"
        return Outcome(Verdict.UNKNOWN, summary, (*listening.gaps, *evidence), advice)
    if not reach and facts.boot_file_is_broken:
        return _nothing_starts(evidence)
    if not reach:
        return Outcome(
            Verdict.FAIL, "nothing that the start command runs listens on a port", evidence, advice
        )
    summary = f"{'; '.join(map(_describe, listening.listeners))}: not reachable on port {port}"
    return Outcome(Verdict.FAIL, summary, evidence, advice)


def _cannot_start(facts: Facts, exposed: tuple[Evidence, ...], *, likely: bool) -> Outcome:
    failures = facts.start.failures
    if facts.boot_file_is_broken:
        return _nothing_starts((*failures, *exposed))
    if likely:
        summary = "a server would listen, but a step of the start command fails"
        return Outcome(Verdict.UNKNOWN, summary, (*failures, *exposed))
    return Outcome(Verdict.FAIL, f"the container cannot start: {failures[0].message}", (*failures, *exposed))


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
    if host is None or listener.port is None or host not in _ALL_INTERFACES:
        return None
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _describe(listener: Listener) -> str:
    if listener.socket is not None:
        return f"{listener.server} on the Unix socket {listener.socket}"
    host = "an unknown address" if listener.host is None else listener.host or "all interfaces"
    port = "an unknown port" if listener.port is None else f"port {listener.port}"
    return f"{listener.server} on {host}, {port}"


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
