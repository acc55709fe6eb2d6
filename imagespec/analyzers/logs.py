"""
Where a container's log goes: into the engine's log by the two standard streams, or into files.

The engine collects standard output and standard error alike, so both count as the container's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from imagespec.analyzers.python.pythonlogs import LogFindings
from imagespec.analyzers.servers.listeners import Listening
from imagespec.analyzers.startup.steps import INHERITED, StartCommand, Step
from imagespec.analyzers.startup.tools import CLIENTS, ends_by_itself
from imagespec.analyzers.startup.written import WrittenView
from imagespec.analyzers.streamlinks import is_stream, made_links
from imagespec.analyzers.tailing import Followed, followed_files, is_shown
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

# Options that send a server's own log elsewhere, unless their value is "-" (gunicorn 23 settings; uvicorn 0.34
# --log-config; uWSGI 2.0 --logto and --daemonize). Their names are looked for in configuration files, too.
_OPTIONS = (
    "--log-file",
    "--error-logfile",
    "--access-logfile",
    "--log-config",
    "--log-config-json",
    "--logto",
    "--logto2",
    "--daemonize",
)
_WITH_SETTINGS = ("gunicorn", "hypercorn", "uvicorn")
_SETTINGS = ("logto", "daemonize")


@attrs.frozen(kw_only=True)
class LogSinks:
    """Where the steps of a start command write, as far as it is known."""

    lost: tuple[Evidence, ...] = ()
    """Steps whose both streams certainly go to files, and logs that certainly go to a file instead of a stream."""
    doubts: tuple[Evidence, ...] = ()
    """What may keep something from the container's log."""
    kept: tuple[Evidence, ...] = ()
    """What certainly reaches it."""
    notes: tuple[Evidence, ...] = ()


def find_log_sinks(
    start: StartCommand, listening: Listening, python: LogFindings, rootfs: RootFs
) -> LogSinks:
    """Put together what steps, server options and Python programs say about logs."""
    lost: list[Evidence] = []
    doubts: list[Evidence] = [*listening.gaps, *python.gaps]  # which has the start command's own
    kept: list[Evidence] = list(python.streams)
    steps = (*start.steps, *listening.steps)
    shown = followed_files(steps)
    for step in steps:
        if not step.argv or ends_by_itself(step.argv) or step.argv[0] == "." or _asks(step):
            continue
        _judge_streams(step, rootfs, shown, lost, doubts, kept)
        if not _reads_its_settings(step):
            doubts.extend(_options(step))
    doubts.extend(_settings(steps, rootfs))
    ways = _Ways(rootfs, shown, made_links((start.steps, listening.steps), rootfs))
    _judge_servers(listening, ways, python, lost, doubts, kept)
    _judge_files(ways, python, lost, doubts, kept)
    return LogSinks(lost=tuple(lost), doubts=tuple(doubts), kept=tuple(kept), notes=python.notes)


@attrs.frozen
class _Ways:
    """How what programs write to files may come into the container's log after all."""

    rootfs: RootFs
    followed: Mapping[str, Followed]
    links: Mapping[str, bool]

    def of(self, path: str | None) -> tuple[bool, str] | None:
        """Return whether a file's content certainly comes there, and how; None where there is no way."""
        if path is None:
            return None
        if is_stream(self.rootfs, path):
            return True, ""
        if path in self.followed:
            return is_shown(path, self.followed, self.rootfs), ", which tail -f follows"
        return (
            (self.links[path], ", which ln links when the container starts") if path in self.links else None
        )


def _judge_servers(
    listening: Listening,
    ways: _Ways,
    python: LogFindings,
    lost: list[Evidence],
    doubts: list[Evidence],
    kept: list[Evidence],
) -> None:
    """Weigh the logs that servers have by their own configuration: lost when all of them certainly go to files."""
    away = []
    for log in listening.logs:
        if (way := ways.of(log.path)) is not None:
            (kept if way[0] else doubts).append(_by(log.evidence, way[1]))
        else:
            away.append(log)
    all_away = len(away) == len(listening.logs) and not python.streams and not python.gaps
    only = all(
        listener.spring is not None or listener.server in {"gunicorn", "hypercorn", "nginx", "uwsgi"}
        for listener in listening.listeners
    )
    sure = all_away and only and all(log.certain and log.path is not None for log in away)
    (lost if sure else doubts).extend(log.evidence for log in away)


def _judge_files(
    ways: _Ways, python: LogFindings, lost: list[Evidence], doubts: list[Evidence], kept: list[Evidence]
) -> None:
    """Weigh the files that Python programs log to."""
    for log in python.files:
        if (way := ways.of(log.path)) is not None:
            (kept if way[0] else doubts).append(_by(log.evidence, way[1]))
        elif log.beside:
            kept.append(
                attrs.evolve(log.evidence, message=log.evidence.message + ", beside a standard stream")
            )
        elif log.certain and log.path is not None and not python.streams and not python.gaps:
            lost.append(log.evidence)
        else:
            doubts.append(log.evidence)


def _by(evidence: Evidence, how: str) -> Evidence:
    return attrs.evolve(evidence, message=evidence.message + how)


def _judge_streams(
    step: Step,
    rootfs: RootFs,
    shown: dict[str, Followed],
    lost: list[Evidence],
    doubts: list[Evidence],
    kept: list[Evidence],
) -> None:
    place = step.trail[-1] if step.trail else Evidence(message="")
    rootfs = WrittenView(rootfs, step.files) if step.files else rootfs
    answers = {}
    for name, target in (("standard output", step.stdout), ("standard error", step.stderr)):
        if target is None:
            doubts.append(attrs.evolve(place, message=f"where {name} of {step.argv[0]} goes is not known"))
        else:
            tailed = target in shown and shown[target].certain  # the shell made the file first
            answers[name] = target == INHERITED or is_stream(rootfs, target) or tailed
            if not answers[name] and target in shown:
                doubts.append(
                    attrs.evolve(place, message=f"whether {target} is followed by tail is not certain")
                )
                return
    away = [name for name, reaches in answers.items() if not reaches]
    if len(away) == 2 and step.certain:
        message = f"both streams of {step.argv[0]} go to {step.stdout}, not to the container's log"
        lost.append(attrs.evolve(place, message=message))
    elif away:
        message = f"{' and '.join(away)} of {step.argv[0]} may not reach the container's log"
        doubts.append(attrs.evolve(place, message=message))
    elif len(answers) == 2:
        kept.append(attrs.evolve(place, message=f"both streams of {step.argv[0]} go to the container's log"))


def _asks(step: Step) -> bool:
    return (step.argv[0] or "").rpartition("/")[2] in CLIENTS


def _reads_its_settings(step: Step) -> bool:
    """Tell whether a step is a server whose settings for logs are followed with its other ones."""
    words = [(word or "").rpartition("/")[2] for word in step.argv[:3]]
    return any(
        words[0] == name or words[1:3] == ["-m", name] or words[1:2] == [name] for name in _WITH_SETTINGS
    )


def _options(step: Step) -> Iterator[Evidence]:
    place = step.trail[-1] if step.trail else Evidence(message="")
    for number, word in enumerate(step.argv):
        option, equals, value = (word or "").partition("=")
        if option in _OPTIONS:
            following = step.argv[number + 1] if number + 1 < len(step.argv) else None
            target = value if equals else following
            if target != "-":
                yield attrs.evolve(
                    place, message=f"{option} sends the server's log to {target or 'somewhere else'}"
                )


def _settings(steps: Sequence[Step], rootfs: RootFs) -> Iterator[Evidence]:
    """Yield the configuration files of servers that say something about logs; they are not followed further."""
    seen: set[str] = set()
    for step in steps:
        if _reads_its_settings(step):
            continue
        words = [
            word
            for word in step.argv
            if word and word.endswith((".py", ".ini", ".conf", ".cfg", ".yaml", ".yml"))
        ]
        for name in words:
            path = name if name.startswith("/") else f"{step.cwd or ''}/{name}"
            entry = rootfs.resolve(path)
            if entry is None or entry.path in seen or entry.path == step.script:
                continue
            seen.add(entry.path)
            text = (rootfs.content(entry) or b"").decode("utf-8", "replace")
            found = [word for word in _SETTINGS if word in text]
            if found:
                message = f"a server's configuration sets {', '.join(found)}, which is not followed"
                yield Evidence(message=message, path=entry.path, layer=entry.layer)
