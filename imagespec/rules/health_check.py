"""
A health check is configured where the edition asks for one, and the image serves it.

What it checks
--------------
The `health` of config.json: that it is valid, and that a route in the server's code answers its URL with GET. The
platform calls it on the service port, so the server that `service-port` judges must have it.

Why it matters
--------------
The platform takes an image out of service when its health check does not answer with 200.

What passes
-----------
`health` is valid, its URL is certainly served, and nothing in its handler says that a plain GET may get anything but 200.
Where the edition does not require a health check and none is configured, the rule does not apply.

What fails
----------
The edition requires a health check and config.json has none; a health check of config.json breaks the schema or has no
URL; or the URL is certainly not served. A redirect to another spelling of the URL is no 200. Nor is there one where the server
certainly speaks HTTPS and the health check's `protocol` says `http`, or the other way round.

What stays unknown
------------------
There is no config.json or it cannot be read, the check is a command, the server's routes could not all be followed, or
something before the routes may refuse or answer the request. Or the handler, or a function of the program that it
calls, shows one of these signs:

* it raises an exception, asserts, ends the program, redirects, or gives a status that is not 200 or not known;
* it needs something of the request: a parameter, header, cookie or body without which it is refused;
* it reads a file, imports a module, or uses a name, an attribute or a part of the application's state that is not there;
* it sends a file or renders a template, which is not looked at;
* it asks another server, such as a database, and catches no failure;
* it returns what its framework cannot encode or does not take as an answer;
* it is wrapped by a decorator that is not followed, or is itself no function that is followed;
* the framework cannot call it: its parameters are not those of the route, or it is a coroutine where none is awaited.

Where no sign is found, the handler and the functions of the program that it calls are gone through once more, operation by
operation: items, attributes, conversions, calls with other arguments, loops without an end. What is not known to succeed
leaves the verdict open, and the evidence names its line. What a library of others that the handler calls may raise is not
looked at.

How to fix
----------
Serve `GET /health` with status 200 and set `"health": {"url": "/health"}` in config.json.

Source
------
"Specifications for Custom Images Used for Importing Models", health check: required in the English edition of 2022 to
2024, optional in the Chinese edition of 2021 and in editions since 2023.
"""

from __future__ import annotations

from imagespec.analyzers.facts import Facts
from imagespec.documents.model_config import Health
from imagespec.rules.base import Parameters, Rule
from imagespec.rules.modelconfig import first_of, is_about_health, without_config
from imagespec.verdict import Evidence, Outcome, Verdict

_ADVICE = 'Add "health": {"url": "/health"} to config.json, and serve GET /health.'


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    config = facts.model_file.config
    if config is None:
        return without_config(facts.model_file, "the health check's URL")
    defects = tuple(item for item in config.violations if is_about_health(config, item))
    remarks = tuple(item for item in config.remarks if is_about_health(config, item))
    if defects:
        summary = f"the health check of {config.name} is not valid: {first_of(defects)}"
        return Outcome(Verdict.FAIL, summary, (*defects, *remarks))
    if config.health is None:
        place = Evidence(message="the configuration has no health", pointer=f"{config.name}#")
        if parameters["required"]:
            summary = "this edition requires a health check, and none is configured"
            return Outcome(Verdict.FAIL, summary, (place, *remarks), _ADVICE)
        summary = "the health check is optional, and none is configured"
        return Outcome(Verdict.NOT_APPLICABLE, summary, (place, *remarks))
    return _judge(facts, config.health, remarks)


def _judge(facts: Facts, health: Health, remarks: tuple[Evidence, ...]) -> Outcome:
    if health.check_method != "HTTP":
        message = "the check is a command, and what it returns only shows when it runs"
        seen = Evidence(message=message, pointer=health.pointer, seen=health.command)
        return Outcome(
            Verdict.UNKNOWN, "the health check is a command inside the container", (seen, *remarks)
        )
    if not health.url:
        missing = Evidence(
            message="the health check has no url", pointer=health.pointer, wanted="a path such as /health"
        )
        return Outcome(Verdict.FAIL, "the health check has no URL", (missing, *remarks), _ADVICE)
    answer = facts.answer("get", health.url, health.protocol)
    asked = f"GET {health.url}"
    row = Evidence(
        message=answer.message, pointer=f"{health.pointer}/url", wanted=None if answer.served else asked
    )
    evidence = (row, *answer.evidence, *answer.caveats, *remarks)
    if answer.served is None:
        return Outcome(Verdict.UNKNOWN, f"it is not certain that {asked} is served", evidence)
    if not answer.served:
        advice = "Make the URL of config.json and the route of the server equal."
        return Outcome(Verdict.FAIL, f"the server does not serve {asked}", evidence, advice)
    if answer.caveats:
        # The platform sends a bare GET and wants a 200: a route that may refuse it proves nothing.
        return Outcome(Verdict.UNKNOWN, f"{asked} is served, but may be refused", evidence)
    return Outcome(Verdict.PASS, f"{asked} is served", evidence)


RULE = Rule(
    id="health-check",
    doc=__doc__,
    check=_check,
    parameters={
        "required": {
            "type": "boolean",
            "default": True,
            "description": "whether an image without a configured health check fails",
        }
    },
)
