"""What the rules that read config.json share."""

from __future__ import annotations

from imagespec.analyzers.modelfile import ModelFile
from imagespec.documents.model_config import ModelConfig
from imagespec.verdict import Evidence, Outcome, Verdict

_HEALTH_KEYS = ("health", "readiness_health", "startup_health")


def first_of(defects: tuple[Evidence, ...]) -> str:
    """Return the first of some defects in words, and how many others there are."""
    more = f"; and {len(defects) - 1} more" if len(defects) > 1 else ""
    return defects[0].message.rstrip(".") + more


def without_config(found: ModelFile, unknown: str) -> Outcome:
    """Return the answer of a rule that needs a config.json where there is none to judge by."""
    if found.broken:
        summary = f"the config.json in the image cannot be read, so {unknown} is not known; see inference-api"
        return Outcome(Verdict.UNKNOWN, summary, (found.broken, *found.notes))
    summary = f"no config.json was given or found in the image, so {unknown} is not known"
    if found.notes:
        summary = f"no config.json was given, and the image has not exactly one of ModelArts, so {unknown} is not known"
    return Outcome(Verdict.UNKNOWN, summary, found.notes, "Give the file with --config-json.")


def is_about_health(config: ModelConfig, found: Evidence) -> bool:
    """Tell whether a defect of the configuration lies in one of its health checks, or in the name of one."""
    _, _, path = (found.pointer or "").removeprefix(config.name).partition("/")
    key, _, inside = path.partition("/")
    return key in _HEALTH_KEYS or (not inside and found.wanted in _HEALTH_KEYS)
