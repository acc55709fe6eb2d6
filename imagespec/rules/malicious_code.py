"""
The image holds no malicious code, as far as indicators can tell.

What it checks
--------------
Indicators, never a proof. Looked at are: setuid and setgid files against the package database; programs with the name
of a miner, and programs hidden in temporary directories; `/etc/ld.so.preload`; lines of scripts, schedules, the
image's history and its start command that open a shell to the network, pipe a download or encoded text into a shell,
or name a mining pool; schedules and units that belong to no package; keys that may log in, sudo without a password,
accounts with user number 0 or without a password; programs without a package that have strong capabilities; programs
and libraries of packages that a layer without packages replaces; and private keys and credentials in any layer, also
where a later one deletes them.

On request every file of every layer is read once and given to engines: YARA rules (`--yara`), lists of hashes
(`--hashes`: sha256, or ClamAV's `.hdb` and `.hsb`), a running clamd (`--clamd`), and picklescan for pickles and model
files (`--pickles`), which takes them apart and loads none. The same pass compares the files of Debian packages with
the md5sums of their packages.

An indicator of high strength has no innocent reading that we know: a reverse shell, a set-id root program in a
temporary directory, xmrig. A weak one is worth a look, and ordinary images have it too: an installer fetched with
`curl … | sh`, a set-id file that no package lists.

Why it matters
--------------
The specification forbids malicious code, and whoever imports the image answers for it.

What passes
-----------
By itself nothing: bytes that show no indicator are not thereby harmless. With the parameter `accept_no_indicator` an
image passes in which no indicator was found, strong or weak, and in which everything that the indicators cover could
be looked at.

What fails
----------
An indicator of high strength, which is also whatever a rule, list or clamd of the caller's finds, and a pickle that
starts programs or runs code when it is loaded.

What stays unknown
------------------
Everything else: weak indicators, which the evidence lists, or none. The evidence also says what was looked at, and
what was not: files whose content was too large to be kept or to be given to an engine, those that an engine refused,
databases of packages that cannot be read, layers that could not be read. Of an image in a pipe the engines see only
what was kept. What programs do when they run is never looked at.

How to fix
----------
Look at each file that the evidence names, and remove what you cannot explain. A secret that a layer holds stays in the
image when a later layer deletes it: build the layer anew, and change the secret. Give the image to engines made for it.

Source
------
"Specifications for Custom Images Used for Importing Models", general specifications: the image must not contain
malicious code. The indicators are this project's own.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from imagespec.analyzers.facts import Facts
from imagespec.analyzers.indicators.indicators import Strength
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_PROOF = "bytes alone cannot prove the absence of malicious code"
_SCAN = "Give the files to an engine made for it: --yara, --hashes, --clamd, --pickles."
_LOOK = "Look at each file that is named, and remove what you cannot explain."


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    seen = facts.indicators
    high = [item.evidence for item in seen.found if item.strength is Strength.HIGH]
    low = [item.evidence for item in seen.found if item.strength is Strength.LOW]
    evidence = (
        *high,
        *_marked("weak indicator", low),
        *_marked("not looked at", seen.not_looked_at),
        *_marked("looked at", seen.looked_at),
        *_marked("never looked at", seen.out_of_scope),
    )
    if high:
        return Outcome(Verdict.FAIL, f"{_count(high, 'strong')} of malicious code", evidence, _LOOK)
    if low:
        return Outcome(
            Verdict.UNKNOWN, f"{_count(low, 'weak')} of malicious code and no strong one", evidence, _LOOK
        )
    if parameters["accept_no_indicator"] and not seen.not_looked_at:
        return Outcome(Verdict.PASS, "no indicator found, which the profile accepts", evidence)
    if seen.engines:
        by = f"by the built-in checks, {', '.join(seen.engines)}"
        return Outcome(Verdict.UNKNOWN, f"no indicator found {by}; {_PROOF}", evidence)
    return Outcome(Verdict.UNKNOWN, f"no indicator found; {_PROOF}", evidence, _SCAN)


def _count(found: list[Evidence], strength: str) -> str:
    return f"{len(found)} {strength} {'indicator' if len(found) == 1 else 'indicators'}"


def _marked(mark: str, evidence: Iterable[Evidence]) -> list[Evidence]:
    return [attrs.evolve(item, message=f"{mark}: {item.message}") for item in evidence]


RULE = Rule(
    id="malicious-code",
    doc=__doc__,
    check=_check,
    parameters={
        "accept_no_indicator": {
            "type": "boolean",
            "default": False,
            "description": "pass an image in which no indicator was found and nothing they cover stayed unread; "
            "this is a decision to trust, not a proof",
        }
    },
)
