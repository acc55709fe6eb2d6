"""
Every inference URL of config.json is served by the image.

What it checks
--------------
That the ModelArts config.json (given with `--config-json`, or found in the image) is valid, and that a route in the
server's code answers each `apis[].url` with its `method`. Defects of its health checks are `health-check`'s to report.

Why it matters
--------------
The platform calls exactly these URLs. A URL that the image does not serve answers 404 after the deployment has been
paid for.

What passes
-----------
The configuration is valid, and each of its URLs is certainly served with its method. A handler that may refuse a request,
for instance one without its data, passes all the same; the evidence lists why it may (the signs are those of
`health-check`).

What fails
----------
The config.json in the image cannot be read; it breaks its schema (the evidence has the JSON pointer and, for known
misspellings, what was meant); or a URL is certainly not served: no route for it, another method, or only a redirect;
or the server on the service port certainly speaks HTTPS where `protocol` says `http`, or the other way round.

What stays unknown
------------------
There is no config.json, or more than one; it declares no apis; the handler of a URL answers every request with an error,
as far as its text tells; a hook, a middleware, a proxy before the routes or a library that is given the application may
refuse or answer the request; the route may not be registered; or the server's routes could not all be followed.

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
from imagespec.documents.model_config import Api, ModelConfig
from imagespec.rules.base import Parameters, Rule
from imagespec.rules.modelconfig import first_of, is_about_health, without_config
from imagespec.verdict import Evidence, Outcome, Verdict


def _check(facts: Facts, _: Parameters) -> Outcome:
    found = facts.model_file
    if found.broken:
        return Outcome(
            Verdict.FAIL, "the config.json in the image cannot be read", (found.broken, *found.notes)
        )
    config = found.config
    if config is None:
        return without_config(found, "which URLs the platform will call")
    violations = tuple(item for item in config.violations if not is_about_health(config, item))
    remarks = tuple(item for item in config.remarks if not is_about_health(config, item))
    if violations:
        return Outcome(
            Verdict.FAIL, f"{config.name} is not valid: {first_of(violations)}", (*violations, *remarks)
        )
    if not config.apis:
        summary = f"{config.name} declares no apis, so the URLs that the platform will call are not known"
        return Outcome(Verdict.UNKNOWN, summary, remarks)
    return _judge(facts, config, config.apis, remarks)


def _judge(
    facts: Facts, config: ModelConfig, apis: tuple[Api, ...], remarks: tuple[Evidence, ...]
) -> Outcome:
    served: list[Evidence] = []
    missing: list[Evidence] = []
    unclear: list[Evidence] = []
    first: dict[bool | None, str] = {}
    for api in apis:
        answer = facts.answer(api.method, api.url, api.protocol or config.protocol)
        asked = f"{api.method.upper()} {api.url}"
        first.setdefault(answer.served, asked)
        wanted = None if answer.served else asked
        row = Evidence(message=answer.message, pointer=api.pointer, wanted=wanted)
        target = unclear if answer.served is None else served if answer.served else missing
        target.extend((row, *answer.evidence, *answer.caveats))
    if missing:
        summary = f"the server does not serve {first[False]}"
        return Outcome(Verdict.FAIL, summary, (*missing, *unclear, *served), "Serve every URL of the apis.")
    if unclear:
        return Outcome(
            Verdict.UNKNOWN, f"it is not certain that {first[None]} is served", (*unclear, *served)
        )
    summary = f"{first[True]} is served" if len(apis) == 1 else f"all {len(apis)} URLs of the apis are served"
    return Outcome(Verdict.PASS, summary, (*served, *remarks))


RULE = Rule(id="inference-api", doc=__doc__, check=_check)
