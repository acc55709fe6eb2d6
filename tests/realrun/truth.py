"""
What a run says about each rule: `good`, `bad`, or `not-judged`, by the rules that README.md tells in words.

Nothing here knows what imagespec says of an image.
"""

from __future__ import annotations

import re

from tests.realrun.observe import OUTSIDE, PORT, Seen
from tests.realrun.sources import ImageSource

GOOD, BAD, NOT_JUDGED = "good", "bad", "not-judged"
Truth = tuple[str, str]
"""The label, and the observation that decides it."""

REFUSED = {404, 405, 501}
"""What servers answer to a URL or a method that they do not serve."""
_COMMAND_FAILED = re.compile(r"run\.sh: (?:line )?\d+: (?:[\w./-]+: )+[^\r\\]+$")
"""A shell's complaint of a command in the boot file, without a CR (bash writes it as an escape) in name or operand."""


def judge(source: ImageSource, seen: Seen) -> dict[str, Truth]:
    """Return the label of every rule for one image."""
    truths = {
        "service-port": _port(seen),
        "inference-api": _apis(source, seen),
        "health-check": _health(source, seen),
        "log-output": _logs(seen),
    }
    if source.service == "batch":
        truths |= {
            "boot-file": _boot_file(seen),
            "boot-command": _boot_command(seen),
            "packages": _packages(seen),
        }
    return truths


def _port(seen: Seen) -> Truth:
    if seen.reached and seen.running and all(status is None for status in seen.answers.values()):
        return NOT_JUDGED, f"{OUTSIDE}:{PORT} accepts connections, and answers no request by HTTP"
    if seen.reached and seen.running:
        return GOOD, f"{OUTSIDE}:{PORT} accepts connections"
    if seen.listening and seen.running:
        return BAD, f"{OUTSIDE}:{PORT} refuses; listening is {', '.join(seen.listening)}"
    ended = "nothing listens" if seen.running else f"the container ended with {seen.exit_code}"
    return BAD, f"{ended}; {seen.engine_error}" if seen.engine_error else ended


def _unasked(seen: Seen) -> str:
    """Return why the answers say nothing; empty where they say something."""
    if not seen.asked_at:
        return "no server, or more than one, that could be asked"
    # A server that gives up soon after it began to listen is asked or not, as it happens.
    gone = not seen.running and all(status is None for status in seen.answers.values())
    return "the container ended before it answered anything" if gone else ""


def _apis(source: ImageSource, seen: Seen) -> Truth:
    if _unasked(seen):
        return NOT_JUDGED, _unasked(seen)
    names = [f"{method} {url}" for method, url in source.requests]
    told = ", ".join(f"{name}: {seen.answers[name]}" for name in names)
    statuses = [seen.answers[name] for name in names]
    if any(status is None or status in REFUSED or 300 <= status < 400 for status in statuses):
        return BAD, told
    if all(status is not None and 200 <= status < 300 for status in statuses):
        return GOOD, told
    return NOT_JUDGED, told


def _health(source: ImageSource, seen: Seen) -> Truth:
    if _unasked(seen):
        return NOT_JUDGED, _unasked(seen)
    status = seen.answers[f"GET {source.health}"]
    return (GOOD if status == 200 else BAD), f"GET {source.health}: {status}"


def _logs(seen: Seen) -> Truth:
    if not seen.running:
        return NOT_JUDGED, "the container ended"
    in_files = {mark for marks in seen.file_marks.values() for mark in marks}
    lost = sorted(in_files - set(seen.log_marks))
    if lost:
        return BAD, f"{', '.join(lost)} only in {', '.join(seen.file_marks)}"
    if not seen.log_marks:
        return NOT_JUDGED, "no mark in the container's log, nor in a file"
    return GOOD, f"{', '.join(seen.log_marks)} in the container's log"


def _boot_file(seen: Seen) -> Truth:
    if not seen.boot_is_file:
        return BAD, "/home/run.sh is no regular file"
    if (seen.boot_ran and not seen.boot_trouble) or (seen.boot_ran and seen.reached):
        return GOOD, "it printed its first line, and no shell complained or the server came up"
    if seen.boot_ran and _COMMAND_FAILED.search(seen.boot_trouble):
        return NOT_JUDGED, f"it runs, and a command in it fails: {seen.boot_trouble}"
    if seen.boot_trouble:
        return BAD, seen.boot_trouble
    if seen.boot_ran_by_hand:
        return GOOD, "/bin/sh /home/run.sh printed its first line"
    return BAD, "it printed nothing, neither with the image's command nor as /bin/sh /home/run.sh"


def _boot_command(seen: Seen) -> Truth:
    if seen.boot_ran:
        return GOOD, "the boot file printed its first line"
    if seen.boot_ran_by_hand:
        return BAD, "the boot file printed its first line by hand, and not with the image's command"
    return NOT_JUDGED, "the boot file cannot run"


def _packages(seen: Seen) -> Truth:
    told = ", ".join(f"{name}: {code}" for name, code in seen.programs.items())
    python = 0 in (seen.programs["python3"], seen.programs["python"])
    return (GOOD if python and seen.programs["java"] == seen.programs["zip"] == 0 else BAD), told
