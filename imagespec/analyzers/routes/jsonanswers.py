"""
What a handler answers that its framework cannot encode, where the text shows it: that is answered 500.

Sets, bytes and numbers of numpy are refused by Python's json and by the encoders of Flask, Quart, Django, aiohttp, Sanic
and Starlette's JSONResponse; FastAPI's own encoder takes sets and bytes, and refuses numpy's.
"""

from __future__ import annotations

import ast

_ENCODING = {"jsonify", "dumps", "json_response", "JsonResponse", "JSONResponse", "json"}
_OWN_ENCODER = {"default", "cls", "encoder", "dumps"}
_NUMPY = {
    "float16", "float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool_", "array",
    "asarray", "zeros", "ones", "arange", "argmax", "argmin", "argsort", "concatenate", "stack",
}  # fmt: skip
"""What returns numbers and arrays that are no number of Python's own; ``float64`` is one."""
_MOST = 500
_DISPLAYS = ast.List | ast.ListComp | ast.Tuple | ast.Set | ast.SetComp


def refused_by_json(node: ast.Call, name: str) -> str | None:
    """Tell what a call of an encoder is given that it refuses."""
    words = {word.arg for word in node.keywords}
    if name == "JsonResponse" and "safe" not in words and None not in words and len(node.args) < 3:
        data = node.args[0] if node.args else ast.Dict([], [])
        if isinstance(data, _DISPLAYS | ast.Constant | ast.JoinedStr):
            return "the handler gives JsonResponse something else than a dict, which it refuses without safe=False"
    other = name == "dumps" and ast.unparse(node.func)[:20] not in {
        "dumps",
        "json.dumps",
    }  # pickle's, for one
    if other or name not in _ENCODING or words & _OWN_ENCODER or len(node.args) > 1 + (name != "jsonify"):
        return None
    return _refused([*node.args[:1], *(word.value for word in node.keywords)], strict=True)


def refused_when_returned(value: ast.expr, *, strict: bool) -> str | None:
    """Tell what a returned dict or list holds that cannot be encoded; ``strict`` encoders refuse sets and bytes, too."""
    return _refused([value], strict=strict) if isinstance(value, ast.Dict | ast.List) else None


def refused_by_write(owner: ast.expr, value: ast.expr) -> str | None:
    """Tell of a list or number that Tornado's ``self.write`` refuses."""
    number = isinstance(value, ast.Constant) and not isinstance(value.value, str | bytes)
    refused = number or isinstance(value, ast.List | ast.ListComp | ast.Tuple)
    if refused and isinstance(owner, ast.Name) and owner.id == "self":
        return f"the handler writes {ast.unparse(value)[:60]}, which is no text"
    return None


def _refused(pending: list[ast.expr], *, strict: bool) -> str | None:
    for _ in range(_MOST):
        if not pending:
            return None
        match pending.pop():
            case ast.Dict(values=items) | ast.List(elts=items) | ast.Tuple(elts=items):
                pending += items
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="np" | "numpy"))) as call if (
                name in _NUMPY
            ):
                return f"the handler gives JSON {ast.unparse(call)[:60]}, which it cannot hold"
            case ast.Set() | ast.SetComp() | ast.Constant(value=bytes() | complex()) as item if strict:
                return f"the handler gives JSON {ast.unparse(item)[:60]}, which it cannot hold"
    return "the handler's answer is larger than is followed"
