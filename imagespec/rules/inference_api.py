"""
Every inference URL of config.json is served by the image.

What it checks
--------------
That the ModelArts config.json (given with `--config-json`, or found in the image) is valid, and that a route in the
server's code answers each `apis[].url` with its `method`.

Why it matters
--------------
The platform calls exactly these URLs. A URL that the image does not serve answers 404 after the deployment has been
paid for.

What passes
-----------
The configuration is valid, and each of its URLs is certainly served with its method.

What fails
----------
The configuration breaks its schema (with the JSON pointer and, for known misspellings, what was meant), or a URL is
certainly not served: no route for it, another method, or only a redirect.

What stays unknown
------------------
There is no config.json, it declares no apis, or the server's routes could not all be followed.

How to fix
----------
Make the `apis` and the routes of the server equal, and use the spelling of the message.

Source
------
"Specifications for Custom Images Used for Importing Models", external port of images (the inference interface);
"Specifications for Editing a Model Configuration File".
"""

from __future__ import annotations

from imagespec.analyzers.facts import Facts
from imagespec.rules.base import Parameters, Rule
from imagespec.verdict import Evidence, Outcome, Verdict

_NO_CONFIG = "no config.json was given or found in the image, so the URLs that the platform will call are not known"


def _check(facts: Facts, _: Parameters) -> Outcome:
    found = facts.model_file
    if found.broken:
        return Outcome(Verdict.FAIL, "the config.json in the image cannot be read", (found.broken, *found.notes))
    config = found.config
    if config is None:
        return Outcome(Verdict.UNKNOWN, _NO_CONFIG, found.notes, "Give the file with --config-json.")
    if config.violations:
        count = len(config.violations)
        summary = f"{config.name} is not valid: {count} {'defect' if count == 1 else 'defects'}"
        return Outcome(Verdict.FAIL, summary, (*config.violations, *config.remarks))
    if config.apis is None:
        summary = f"{config.name} declares no apis, so the URLs that the platform will call are not known"
        return Outcome(Verdict.UNKNOWN, summary, config.remarks)
    served: list[Evidence] = []
    missing: list[Evidence] = []
    unclear: list[Evidence] = []
    for api in config.apis:
        answer = facts.answer(api.method, api.url)
        asked = f"{api.method.upper()} {api.url}"
        row = Evidence(message=answer.message, pointer=f"{config.name}{api.pointer}", wanted=asked)
        target = unclear if answer.served is None else served if answer.served else missing
        target.extend((row, *answer.evidence))
    if missing:
        return Outcome(Verdict.FAIL, "the server does not serve every URL of the apis", (*missing, *unclear, *served))
    if unclear:
        return Outcome(Verdict.UNKNOWN, "it is not certain that every URL of the apis is served", (*unclear, *served))
    return Outcome(Verdict.PASS, f"all {len(config.apis)} URLs of the apis are served", (*served, *config.remarks))


RULE = Rule(id="inference-api", doc=__doc__, check=_check)
