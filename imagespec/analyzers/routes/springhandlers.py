"""What a Spring controller's method asks of a request, and what in its code speaks of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagespec.analyzers.java.classfile import Annotation, ClassFile, Method

_WEB = "org.springframework.web.bind.annotation."
_NEEDED = {
    _WEB + "RequestParam": "parameter",
    _WEB + "RequestHeader": "header",
    _WEB + "CookieValue": "cookie",
}
_DESCRIPTOR = re.compile(r"\[*(?:L[^;]+;|[BCDFIJSZ])")
_STATUS = re.compile(r"org\.springframework\.http\.HttpStatus\.([A-Z_]+) ")
_GOOD = {"OK", "CREATED", "ACCEPTED"}
_BAD_CALLS = re.compile(
    r"\.(?:badRequest|notFound|internalServerError|unprocessableEntity|sendError|setStatus|setStatusCode|status|noContent"
    r"|setRawStatusCode|sendRedirect|of|ofNullable) "
)
_ANSWERS = ("ResponseEntity", "ServletResponse", "ServerHttpResponse", "HttpHeaders", "ServerResponse")


def handler_caveats(
    owner: ClassFile, method: Method, mappings: tuple[Annotation, ...]
) -> Iterator[tuple[str, bool]]:
    """Yield why a request may be refused by a controller's method, and whether every one is."""
    yield from ((message, False) for message in _parameters(method))
    accepted = {text.split(";")[0].strip() for item in mappings for text in item.texts("consumes")}
    if accepted and not accepted & {"application/json", "*/*", "application/*"}:
        yield f"it takes {', '.join(sorted(accepted))[:100]} only: 415 otherwise", False
    for item in (*owner.annotations, *method.annotations):
        codes = item.texts("value", "code") if item.name == _WEB + "ResponseStatus" else ()
        if codes and not set(codes) <= _GOOD:
            yield f"it answers {codes[0]}", True
    if method.throws:
        yield "its code throws an exception", not method.returns
    bad = next((call for call in method.references if _speaks_of_error(call, method)), None)
    if bad:
        name = bad.split(" ")[0].rpartition(".")[2]
        yield f"its code refers to {name}, so that it may answer an error", False


def _speaks_of_error(call: str, method: Method) -> bool:
    status = _STATUS.match(call)
    if status:
        return status[1] not in _GOOD
    if not _BAD_CALLS.search(call) or not any(name in call for name in _ANSWERS):
        return False
    given = {found[1] for item in method.references if (found := _STATUS.match(item))}
    # ResponseEntity.status(HttpStatus), of which all are of success.
    return not (".status (Lorg/springframework/http/HttpStatus" in call and given and given <= _GOOD)


def _parameters(method: Method) -> Iterator[str]:
    types = _DESCRIPTOR.findall(method.descriptor.partition(")")[0][1:])
    for number, marks in enumerate(method.parameters):
        for item in marks:
            kind = _NEEDED.get(item.name)
            optional = item.values.get("required") == 0 or "defaultValue" in item.values
            if kind and not optional and "java/util/Map" not in "".join(types[number : number + 1]):
                name = next(iter(item.texts("value", "name")), "")
                yield f"it needs the {kind} {name}: 400 without it".replace(" :", ":")
            if item.name == _WEB + "PathVariable" and types[number : number + 1] != ["Ljava/lang/String;"]:
                yield "a part of the path is converted: 400 where it cannot be"
