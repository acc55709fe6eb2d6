"""
A health check is configured where the edition asks for one, and the image serves it.

What it checks
--------------
The `health` of config.json, and the route in the server's code that answers its URL with GET. The platform calls it on
the service port, so the server that `service-port` judges must have it.

Why it matters
--------------
The platform takes an image out of service when its health check does not answer with 200.

What passes
-----------
`health.url` is configured and certainly served.

What fails
----------
The edition requires a health check and config.json has none, or its URL is certainly not served; a redirect to another
spelling of the URL is no 200.

What stays unknown
------------------
There is no config.json, the check is a command, or the server's routes could not all be followed.

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
from imagespec.verdict import Evidence, Outcome, Verdict


def _check(facts: Facts, parameters: Parameters) -> Outcome:
    config = facts.model_file.config
    if config is None:
        summary = "no config.json was given or found in the image, so the health check's URL is not known"
        return Outcome(Verdict.UNKNOWN, summary, facts.model_file.notes, "Give the file with --config-json.")
    if config.health is None:
        place = Evidence(message="no health in the configuration", pointer=f"{config.name}#/")
        if parameters["required"]:
            advice = 'Add "health": {"url": "/health"} and serve it.'
            return Outcome(Verdict.FAIL, "the edition requires a health check, and none is configured", (place,), advice)
        return Outcome(Verdict.NOT_APPLICABLE, "the health check is optional, and none is configured", (place,))
    return _judge(facts, config.health, config.name)


def _judge(facts: Facts, health: Health, name: str) -> Outcome:
    pointer = f"{name}{health.pointer}"
    if (health.check_method or "HTTP").upper() != "HTTP":
        seen = Evidence(message="the check is a command, whose exit code bytes do not tell", pointer=pointer)
        return Outcome(Verdict.UNKNOWN, "the health check is a command inside the container", (seen,))
    if not health.url:
        seen = Evidence(message="health has no url", pointer=pointer, wanted="a path such as /health")
        return Outcome(Verdict.FAIL, "the health check has no URL", (seen,))
    answer = facts.answer("get", health.url)
    row = Evidence(message=answer.message, pointer=f"{pointer}/url", wanted=f"GET {health.url}")
    evidence = (row, *answer.evidence)
    if answer.served is None:
        return Outcome(Verdict.UNKNOWN, f"it is not certain that {health.url} is served", evidence)
    if not answer.served:
        return Outcome(Verdict.FAIL, f"the server does not serve GET {health.url}", evidence)
    return Outcome(Verdict.PASS, f"GET {health.url} is served", evidence)


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
