"""
Objects whose fields a library fills in: dataclasses, pydantic's models, and settings that read the environment.

What a class body says is only the default there: arguments, environment variables and ``.env`` files come before it
(pydantic-settings 2, "Field value priority"; pydantic 1, "Settings management"). A field that something else may change,
such as a validator, is unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from imagespec.analyzers.python.dotenv import read_dotenv
from imagespec.analyzers.python.evaluator import Arguments
from imagespec.analyzers.python.values import (
    UNKNOWN,
    Call,
    Class,
    Const,
    Function,
    Instance,
    Items,
    Table,
    Value,
    name_of,
    text_of,
)

if TYPE_CHECKING:
    from imagespec.analyzers.python.program import Program

_SETTINGS = {"pydantic_settings.BaseSettings", "pydantic_settings.main.BaseSettings", "pydantic.BaseSettings"}
_MODELS = {"pydantic.BaseModel", "pydantic.main.BaseModel"}
_PLAIN_OPTIONS = {
    "arbitrary_types_allowed", "env_file_encoding", "extra", "frozen", "populate_by_name", "protected_namespaces",
    "str_strip_whitespace", "title", "validate_assignment", "validate_default",
}  # fmt: skip
"""Options of a settings class that do not change where a field's value comes from."""
_GIVEN_BY_ENGINES = {"hostname", "home", "path"}
"""Variables that every container has, whatever the image says."""


@attrs.frozen
class _Field:
    name: str
    kind: str
    """The annotation's text."""
    default: Value | None
    """None where the field has no default."""
    factory: Function | None = None
    """What is called for the default."""
    variables: tuple[str, ...] | None = ()
    """Names of environment variables that are its own; None where they are not known."""


@attrs.frozen
class _Options:
    prefix: str = ""
    case_sensitive: bool = False
    files: tuple[str, ...] = ()


def is_record(cls: Class) -> bool:
    """Tell whether a library makes the objects of a class from its fields."""
    names = {name_of(base) for base in cls.foreign_bases()}
    return bool(names & (_SETTINGS | _MODELS)) or (
        not names and cls.find("__init__") is None and _is_dataclass(cls)
    )


def make_record(run: Program, cls: Class, arguments: Arguments) -> Instance:
    """Return an object of a class for which `is_record` is true, every field of it known or unknown."""
    made = Instance(cls, {})
    bases = {name_of(base) for base in cls.foreign_bases()}
    fields = list(_fields(cls))
    options = _options(cls) if bases & _SETTINGS else None
    closed = bases <= (_SETTINGS | _MODELS) and not _changes_fields(cls)
    names = {name for item in _lineage(cls) for name, value in item.scope.names.items() if _is_data(value)}
    made.names.update(dict.fromkeys(names, UNKNOWN))
    for position, field in enumerate(fields):
        given = arguments.get(position if not bases else 1 << 30, field.name)
        if given is None and field.default is None and not bases & _SETTINGS and not _may_be_none(field.kind):
            run.refuse("TypeError", f"{cls.name[:60]} is made without {field.name[:60]}")
        value = given if given is not None else field.default or UNKNOWN
        if given is None and field.factory is not None:
            value = run.call_function(field.factory, Arguments())
        if given is None and bases & _SETTINGS:
            value = _from_environment(run, field, options) if options is not None else UNKNOWN
        made.names[field.name] = value if closed else UNKNOWN
    if not bases and len(arguments.args) > len(fields) and fields:
        run.refuse("TypeError", f"{cls.name[:60]} is made with more than its fields")
    after = cls.find("__post_init__")
    if not bases and isinstance(after, Function):
        run.call_function(attrs.evolve(after, self_value=made), Arguments())
    return made


def _is_dataclass(cls: Class) -> bool:
    return any("dataclass" in ast.unparse(item) for one in _lineage(cls) for item in one.node.decorator_list)


def _lineage(cls: Class, depth: int = 8) -> Iterator[Class]:
    """Yield the bases in the program, the most general first, and the class."""
    for base in reversed(cls.bases) if depth else ():
        if isinstance(base, Class):
            yield from _lineage(base, depth - 1)
    yield cls


def _is_data(value: Value) -> bool:
    return not isinstance(value, Function | Class)


def _changes_fields(cls: Class) -> bool:
    """Tell whether methods of a class may change its fields: validators, and hooks of the libraries."""
    hooks = ("__init__", "__new__", "__getattr__", "__getattribute__", "__setattr__", "model_post_init")
    decorated = any(
        isinstance(value, Call) and value.decorator
        for item in _lineage(cls)
        for value in item.scope.names.values()
    )
    return decorated or any(
        cls.find(name) is not None for name in (*hooks, "settings_customise_sources", "customise_sources")
    )


def _fields(cls: Class) -> Iterator[_Field]:
    found: dict[str, _Field] = {}
    for item in _lineage(cls):
        for node in item.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = ast.unparse(node.annotation)
                if "ClassVar" not in kind and node.target.id != "model_config":
                    value = item.scope.names.get(node.target.id) if node.value is not None else None
                    found[node.target.id] = _field(node.target.id, kind, value)
    yield from found.values()


def _field(name: str, kind: str, value: Value | None) -> _Field:
    if not isinstance(value, Call):
        return _Field(name, kind, value)
    if value.name not in {"dataclasses.field", "pydantic.Field", "pydantic.fields.Field"} or value.spread:
        return _Field(name, kind, UNKNOWN, None, None)
    factory = value.keywords.get("default_factory")
    made = {"builtins.list": Items([]), "builtins.dict": Table({})}.get(name_of(factory), UNKNOWN)
    default = made if factory is not None else value.argument(0, "default")
    own_factory = factory if isinstance(factory, Function) else None
    own = [value.keywords[word] for word in ("env", "alias", "validation_alias") if word in value.keywords]
    texts = [text_of(item) for item in own]
    known = [text for text in texts if text is not None]
    variables = tuple(known) if len(known) == len(texts) else None
    return _Field(name, kind, default, own_factory, variables)


# Settings.


def _options(cls: Class) -> _Options | None:
    """Return what a settings class says of its sources; None where that is not followed."""
    written: dict[str, Value] = {}
    for item in _lineage(cls):
        config, inner = item.scope.names.get("model_config"), item.scope.names.get("Config")
        if isinstance(config, Call) and config.name.endswith("ConfigDict") and not config.spread:
            written |= dict(config.keywords)
        elif isinstance(config, Table) and not config.open:
            written |= {str(key): value for key, value in config.entries.items()}
        elif config is not None:
            return None
        if isinstance(inner, Class):
            written |= inner.scope.names
        elif inner is not None:
            return None
    return _read_options(written)


def _read_options(written: dict[str, Value]) -> _Options | None:
    files = written.pop("env_file", Const(None))
    named = list(files.items) if isinstance(files, Items) and not files.open else [files]
    paths = [text_of(item) for item in named if item != Const(None)]
    prefix = text_of(written.pop("env_prefix", Const("")))
    exact = written.pop("case_sensitive", Const(value=False))
    if None in paths or prefix is None or not isinstance(exact, Const) or written.keys() - _PLAIN_OPTIONS:
        return None
    return _Options(prefix, bool(exact.value), tuple(path for path in paths if path is not None))


def _from_environment(run: Program, field: _Field, options: _Options) -> Value:
    if field.variables is None:
        return UNKNOWN
    wanted = field.variables or (options.prefix + field.name,)
    sources: list[dict[str, str | None]] = [run.environment]
    for path in reversed(options.files):
        variables = read_dotenv(run, path)
        if variables is None:
            return UNKNOWN
        sources.append(variables)
    for source in sources:
        for name, text in source.items():
            if name in wanted or (not options.case_sensitive and name.lower() in map(str.lower, wanted)):
                return UNKNOWN if text is None else _converted(text, field.kind)
    if any(name.lower() in _GIVEN_BY_ENGINES for name in wanted):
        return UNKNOWN
    if field.default is None and not _may_be_none(field.kind):
        shown = wanted[0]
        run.gap(
            run.here(
                f"{shown} is not set in the image, and the setting {field.name} has no default; Python stops here"
            )
        )
    return field.default if field.default is not None else UNKNOWN


def _may_be_none(kind: str) -> bool:
    """Tell whether older versions of pydantic take None for a default that is not written."""
    return "Optional" in kind or "None" in kind or kind == "Any"


def _converted(text: str, kind: str) -> Value:
    if kind == "str":
        return Const(text)
    if kind == "int" and text.strip().isdecimal() and len(text) < 20:
        return Const(int(text))
    return UNKNOWN
