"""Whether what a handler returns is an answer to its framework, from its kind; see `proofs`."""

from __future__ import annotations

import re

from imagespec.analyzers.routes.proofjson import unencodable
from imagespec.analyzers.routes.proofkinds import Kind, number_of, text_in

_OK = 200
_NO_ANSWER = re.compile(
    r"exceptions|[.](?:headers|cookies|environ|request|g|app|config|session|current_app)\Z"
)
_MAKERS = (
    "flask.",
    "quart.",
    "werkzeug.",
    "sanic.",
    "aiohttp.",
    "starlette.",
    "fastapi.",
    "django.",
    "bottle.",
    "rest_framework.",
)


def refused_answer(kind: Kind, takes: str) -> str | None:
    """Return why what a handler returns may be no answer with status 200; ``takes`` is as in `Calling.takes`."""
    match takes:
        case "anything":
            refused = None if kind.name == "answer" else unencodable(kind, "fastapi")
            return f"the handler returns {refused}, which may not be encoded" if refused else None
        case "values":
            return _as_value(kind)
        case "responses":
            fine = kind.name in {"answer", "foreign"} and not kind.source.startswith(("builtins.", "numpy."))
        case "text":
            if kind.name == "dict" and unencodable(kind, "plain"):
                return "the handler returns a dict that JSON may not hold"
            texts = kind.name != "list" or all(part.name == "text" for part in kind.parts)
            fine = texts and kind.name in {
                "text",
                "bytes",
                "dict",
                "none",
                "answer",
                "list",
                "foreign",
                "optional",
            }
        case _:
            return None
    return None if fine else f"the handler returns {_shown(kind)}, which may be no answer"


def _as_value(kind: Kind) -> str | None:
    """Judge what Flask and Quart take: texts, bytes, what JSON holds, responses, and tuples with a status."""
    if kind.name in {"dict", "list"}:
        refused = unencodable(kind, "flask")
        return f"the handler returns {refused} as JSON, which may not hold it" if refused else None
    if kind.name == "tuple" and kind.whole and len(kind.parts) in {2, 3}:
        first, second = kind.parts[:2]
        status = number_of(second)
        if (
            status is None
            and second.name not in {"dict", "list"}
            and not second.source.startswith("http.HTTPStatus.")
        ):
            status = int((text_in(second) or "0")[:3]) if (text_in(second) or "")[:3].isdecimal() else 0
        if status not in {None, _OK}:
            return "the handler answers with another status than 200, or one that is not known"
        return _as_value(first)
    fine = kind.name in {"text", "bytes", "answer", "lines"}
    fine = fine or (
        kind.name == "foreign" and kind.source.startswith(_MAKERS) and not _NO_ANSWER.search(kind.source)
    )
    return None if fine else f"the handler returns {_shown(kind)}, which may be no answer"


def _shown(kind: Kind) -> str:
    if kind.name == "foreign":
        return f"what {kind.source[:60]} gives" if kind.source else "what a library gives"
    words = {
        "any": "what is not known",
        "none": "nothing",
        "optional": "what may be None",
        "own": "an object",
    }
    return words.get(kind.name, f"a {kind.name}")
