"""
A batch image has the boot file /home/run.sh, and its interpreter can run it.

What it checks
--------------
That `/home/run.sh` exists after all links are resolved, is a regular file with at least one command, and can be read by
the interpreter that the start command hands it to: the shell named there, or the one of its `#!` line when it is started
directly. That interpreter must be in the image.

Why it matters
--------------
ModelArts starts a batch service by this file. One that is missing, empty or unreadable for its shell ends the
container at once.

What passes
-----------
A regular file with commands, whose interpreter is in the image and starts.

What fails
----------
No such file, a dangling link, a directory, an empty file or one of comments only; Windows line ends or a byte order
mark where they break it; an interpreter that is not in the image or does not start; no execute bit where the file is
started directly.

What stays unknown
------------------
The file's content was not kept because it is too large, its interpreter cannot be judged from the bytes, it uses syntax
that its shell does not know, or the image's user may not be allowed to read it.

How to fix
----------
`COPY run.sh /home/run.sh`, save it with Unix line ends (`dos2unix`), and begin it with `#!/bin/sh`.

Source
------
"Specifications for Custom Images Used for Importing Models", image boot file.
"""

from __future__ import annotations

from imagespec.analyzers.facts import BOOT_FILE, Facts
from imagespec.analyzers.startup.users import READ, may
from imagespec.entry import Entry, EntryKind
from imagespec.rules.base import Parameters, Rule, Service
from imagespec.verdict import Evidence, Outcome, Verdict

_ADVICE = "Add it to the image: COPY run.sh /home/run.sh."


def _check(facts: Facts, _: Parameters) -> Outcome:
    entry = facts.boot_file
    if entry is None:
        return _missing(facts)
    if entry.kind is not EntryKind.FILE:
        place = Evidence(
            message=f"a {entry.kind.value}", path=entry.path, layer=entry.layer, wanted="a regular file"
        )
        return Outcome(
            Verdict.FAIL, f"{BOOT_FILE} is a {entry.kind.value}, not a regular file", (place,), _ADVICE
        )
    judgement = facts.boot_script
    assert judgement is not None
    evidence = (*_link_to(facts, entry), *judgement.evidence, *judgement.remarks)
    own = f"/{entry.path} "
    reason = judgement.reason.rstrip(".")
    if judgement.usable and (doubt := _unreadable(facts, entry)):
        summary = f"it is not certain that {BOOT_FILE} can run: {doubt.message}"
        return Outcome(Verdict.UNKNOWN, summary, (doubt, *evidence))
    if judgement.usable:
        return Outcome(Verdict.PASS, f"{BOOT_FILE} {reason.removeprefix(own)}", evidence)
    if judgement.usable is False:
        about_itself = reason.startswith(own)
        summary = (
            f"{BOOT_FILE} {reason.removeprefix(own)}" if about_itself else f"{BOOT_FILE} cannot run: {reason}"
        )
        return Outcome(Verdict.FAIL, summary, evidence)
    summary = f"it is not certain that {BOOT_FILE} can run: {reason.replace(own, 'it ', 1)}"
    if not facts.rootfs.complete:
        summary = f"not every layer could be read, so it is not certain that {BOOT_FILE} can run"
    return Outcome(Verdict.UNKNOWN, summary, evidence)


def _unreadable(facts: Facts, entry: Entry) -> Evidence | None:
    """Say that the image's user may not read the file; which groups a user is in only shows when it runs."""
    user = facts.image.config.user
    if may(user, READ, entry, facts.rootfs):
        return None
    message = f"the user {user} may not be allowed to read it (mode {entry.mode:04o})"
    return Evidence(message=message, path=entry.path, layer=entry.layer)


def _missing(facts: Facts) -> Outcome:
    link = facts.rootfs.lookup(BOOT_FILE)
    if link is None:
        return Outcome(Verdict.FAIL, f"{BOOT_FILE} is not in the image", (), _ADVICE)
    message = "a link that leads to nothing"
    evidence = Evidence(message=message, path=link.path, layer=link.layer, seen=link.link_target or None)
    return Outcome(Verdict.FAIL, f"{BOOT_FILE} is a link that leads to nothing", (evidence,), _ADVICE)


def _link_to(facts: Facts, entry: Entry) -> tuple[Evidence, ...]:
    if f"/{entry.path}" == BOOT_FILE:
        return ()
    link = facts.rootfs.lookup(BOOT_FILE)
    place = Evidence(
        message=f"{BOOT_FILE} leads to /{entry.path}", path=BOOT_FILE, layer=link.layer if link else None
    )
    return (place,)


RULE = Rule(id="boot-file", doc=__doc__, check=_check, services=frozenset({Service.BATCH}))
