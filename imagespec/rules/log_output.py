"""
The service's logs go to the container's standard streams.

What it checks
--------------
Where the two standard streams of the programs that the start command runs go (redirections, pipes into `tee`,
`nohup`, supervisord's log files), where the servers' own options and gunicorn's, nginx's and uWSGI's configurations send
their logs, where a Spring Boot application's logback does, and where the Python programs' logging handlers write, also by
`dictConfig` and `fileConfig`. Links to `/dev/stdout` count as the stream. Standard error counts, too: the engine
collects both.

Why it matters
--------------
The platform shows what the container writes to its standard streams and nothing else; a log in a file is gone with the
container.

What passes
-----------
A server was found, every program of the start command is understood, its streams are the container's, and nothing logs
to a file, unless the same logger writes to a stream as well, or `tail -f` sends the file there.

What fails
----------
Both streams of a program certainly go to a file, or a program certainly logs to a file and to no stream, or all logs of
gunicorn, nginx, uWSGI or Spring Boot certainly go to files.

What stays unknown
------------------
A program or its logging configuration is not understood, or it writes to a file what may not reach a stream, as where
`tail -f` may begin before the file is there; one of the two streams goes elsewhere or is closed; a handler sends logs over
the network, or keeps them; an option or a configuration file of a server sets where it logs and is not followed; no
server was found; or the container cannot start.

How to fix
----------
Remove redirections from the start command, log to `sys.stdout`, or link the log file to `/dev/stdout`; set
`PYTHONUNBUFFERED=1` so that `print` is not held back.

Source
------
"Specifications for Custom Images Used for Importing Models", log file output.
"""

from __future__ import annotations

from imagespec.analyzers.facts import Facts
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_ADVICE = "Log to standard output, or link the log file to /dev/stdout."
_WHERE_FILES = f"Where what is listed logs to a file: {_ADVICE[0].lower()}{_ADVICE[1:]}"


def _check(facts: Facts, _: Parameters) -> Outcome:
    if facts.start.failures:
        summary = "the container cannot start, so where it would log is not known"
        return Outcome(Verdict.UNKNOWN, summary, facts.start.failures)
    sinks = facts.log_sinks
    if sinks.lost:
        summary = f"logs go to a file: {sinks.lost[0].message}"
        return Outcome(Verdict.FAIL, summary, (*sinks.lost, *_once(sinks.doubts)), _ADVICE)
    if sinks.doubts:
        summary = "it is not certain that all logs go to the standard streams"
        return Outcome(
            Verdict.UNKNOWN, summary, (*_once(sinks.doubts), *sinks.kept, *sinks.notes), _WHERE_FILES
        )
    if not facts.listening.listeners:
        return Outcome(
            Verdict.UNKNOWN, "no server was found whose logs could be judged", (*sinks.kept, *sinks.notes)
        )
    return Outcome(Verdict.PASS, "all logs go to the standard streams", (*sinks.kept, *sinks.notes))


def _once(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    # Several analyzers name the same place that they could not follow.
    return tuple(dict.fromkeys(evidence))


RULE = Rule(id="log-output", doc=__doc__, check=_check)
