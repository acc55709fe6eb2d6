"""
A batch image's start command runs /home/run.sh.

What it checks
--------------
The effective command: Entrypoint and Cmd as the engine joins them, in shell or exec form, followed through wrappers and
scripts.

Why it matters
--------------
ModelArts starts a batch service with the image's own command. An Entrypoint that a base image left behind can swallow
the Cmd, so that the boot file never runs although the Dockerfile names it.

What passes
-----------
Some step of the command certainly runs the file, after all links.

What fails
----------
There is no command, or none of its steps runs the file and every step could be followed.

What stays unknown
------------------
The file runs on some branches only, the file itself is missing or cannot be started, or a part of the command could not
be followed.

How to fix
----------
`CMD ["sh", "/home/run.sh"]`, and reset an inherited Entrypoint with `ENTRYPOINT []`.

Source
------
"Specifications for Custom Images Used for Importing Models", image boot file: set by CMD; the shell form until 2023,
the exec form in later editions.
"""

from __future__ import annotations

from imagespec.analyzers.facts import BOOT_FILE, Facts
from imagespec.analyzers.startup.command import effective_command
from imagespec.entry import EntryKind
from imagespec.rules.base import Parameters, Rule, Service
from imagespec.verdict import Evidence, Outcome, Verdict

_ADVICE = 'Set CMD ["sh", "/home/run.sh"] and reset an inherited Entrypoint with ENTRYPOINT [].'


def _check(facts: Facts, _: Parameters) -> Outcome:
    start = facts.start
    command = Evidence(message="the effective command", pointer="config#/config", seen=" ".join(start.argv))
    if not start.argv:
        return Outcome(Verdict.FAIL, "the image has no start command", start.failures, _ADVICE)
    if facts.boot_file is None or facts.boot_file.kind is not EntryKind.FILE:
        evidence = (command, *start.failures)
        return Outcome(
            Verdict.UNKNOWN, f"{BOOT_FILE} is no file that a command could run; see boot-file", evidence
        )
    runs = [step for step in facts.steps if step.script == facts.boot_file.path]
    certain = next((step for step in runs if step.certain), None)
    if certain:
        return Outcome(Verdict.PASS, f"the start command runs {BOOT_FILE}", (command, *certain.trail))
    if runs:
        summary = f"the start command runs {BOOT_FILE} on some paths only"
        return Outcome(Verdict.UNKNOWN, summary, (command, *runs[0].trail))
    gaps = (*start.gaps, *facts.listening.unfollowed)
    if gaps:
        summary = f"a part of the start command could not be followed, and the rest does not run {BOOT_FILE}"
        return Outcome(Verdict.UNKNOWN, summary, (command, *gaps), _ADVICE)
    if facts.starts_boot_file_directly:
        summary = f"the start command starts {BOOT_FILE}, which cannot run; see boot-file"
        return Outcome(Verdict.UNKNOWN, summary, (command, *start.failures))
    return _explain(facts, command)


def _explain(facts: Facts, command: Evidence) -> Outcome:
    """Say what the command does instead of running the boot file."""
    config, failures = facts.image.config, facts.start.failures
    summary = f"the start command does not run {BOOT_FILE}"
    if config.entrypoint and any(BOOT_FILE in word for word in config.cmd):
        summary = f"the Cmd names {BOOT_FILE}, but the Entrypoint before it does not run it"
    if failures:
        summary += f": {failures[0].message.rstrip('.')}"
    return Outcome(Verdict.FAIL, summary, (command, *effective_command(config).trail, *failures), _ADVICE)


RULE = Rule(id="boot-command", doc=__doc__, check=_check, services=frozenset({Service.BATCH}))
