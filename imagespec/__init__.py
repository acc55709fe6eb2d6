"""
Judge container image archives against the specification that they are about to be imported under.

::

    import imagespec

    report = imagespec.check("image.tar", profile="modelarts", service="batch")
    for image in report.inputs[0].images:
        for result in image.results:
            print(result.rule, result.outcome.verdict, result.outcome.summary)

Importing this package brings what opens archives; what judges them is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from imagespec import errors
from imagespec._version import __version__
from imagespec.limits import Limits
from imagespec.opening import open  # noqa: A004 - `imagespec.open` is the name that users expect
from imagespec.sources import Archive
from imagespec.tar import backend

if TYPE_CHECKING:
    from imagespec.analyzers.malware.scanners import Scanners
    from imagespec.api import check
    from imagespec.profiles import list_profiles, load_profile
    from imagespec.results import Report
    from imagespec.rules.base import Service
    from imagespec.verdict import Evidence, Outcome, Verdict

_HOME = {
    "Evidence": "imagespec.verdict",
    "Outcome": "imagespec.verdict",
    "Report": "imagespec.results",
    "Scanners": "imagespec.analyzers.malware.scanners",
    "Service": "imagespec.rules.base",
    "Verdict": "imagespec.verdict",
    "check": "imagespec.api",
    "list_profiles": "imagespec.profiles",
    "load_profile": "imagespec.profiles",
}

__all__ = [
    "Archive",
    "Evidence",
    "Limits",
    "Outcome",
    "Report",
    "Scanners",
    "Service",
    "Verdict",
    "__version__",
    "backend",
    "check",
    "errors",
    "list_profiles",
    "load_profile",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'imagespec' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
