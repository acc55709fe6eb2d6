"""Classes whose methods are named after the verbs that they answer."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from imagespec.analyzers.python.place import Place
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Class, Function, Value, name_of
from imagespec.analyzers.routes.handlers import NOTHING, Calling, Given, handler_caveats
from imagespec.analyzers.routes.routing import VERBS, Caveat

_PLAIN = {"builtins.object", "abc.ABC"}
_DEPTH = 8


@attrs.frozen
class Verbs:
    """The verbs of a class (None when unknown), and what speaks against each."""

    methods: frozenset[str] | None
    caveats: Mapping[str, tuple[Caveat, ...]] = {}


UNKNOWN_VERBS = Verbs(None)


@attrs.frozen(kw_only=True)
class Kind:
    """A library's class for such views."""

    bases: frozenset[str]
    """Its names; empty for classes without a base."""
    calling: Calling
    form: str = "{}"
    """How methods are named."""
    hooks: tuple[str, ...] = ()
    """Members that change which verbs are answered, or how, where a class has one of its own."""


def verbs_of(
    cls: Value | None,
    kind: Kind,
    program: Program,
    given: Given = NOTHING,
    harmless: frozenset[str] = frozenset(),
) -> Verbs:
    """Return the verbs that a class answers; decorators of ``harmless`` names call their method and nothing else."""
    if not isinstance(cls, Class) or not _is_plain(cls, kind.bases):
        return UNKNOWN_VERBS
    if any(cls.find(name) is not None for name in kind.hooks):
        return UNKNOWN_VERBS
    methods: set[str] = set()
    caveats: dict[str, tuple[Caveat, ...]] = {}
    for verb in VERBS:
        handler = cls.find(kind.form.format(verb))
        if handler is None:
            continue
        handler = undecorated(handler, harmless)
        if not isinstance(handler, Function) and not (isinstance(handler, Call) and handler.decorator):
            return UNKNOWN_VERBS
        methods.add(verb.upper())
        place = attrs.evolve(class_place(cls), line=_line(handler))
        caveats[verb.upper()] = handler_caveats(handler, place, program, kind.calling, given, cls)
    return Verbs(frozenset(methods), caveats)


def class_place(cls: Class) -> Place:
    """Return where a class is."""
    return Place(cls.module.path, cls.node.lineno, cls.module.layer)


def _line(handler: Value) -> int | None:
    if isinstance(handler, Function):
        return handler.node.lineno
    return handler.place.line if isinstance(handler, Call) else None


def undecorated(view: Value | None, harmless: frozenset[str]) -> Value | None:
    """Return a view without the decorators that only call it."""
    for _ in range(_DEPTH):
        if not (isinstance(view, Call) and view.decorator and view.name in harmless and view.args):
            break
        view = view.args[0]
    return view


def _is_plain(cls: Class, bases: frozenset[str]) -> bool:
    """
    Tell whether a class has no other foreign bases than these, and has them behind its own.

    Python looks into bases in their order: a library's class before one of the program hides what the latter has.
    """
    own = {name_of(base) for base in cls.foreign_bases()} - _PLAIN
    if bool(bases) != bool(own) or not own <= bases:
        return False
    orders = ([isinstance(base, Class) for base in one.bases] for one in cls.lineage())
    return all(kinds == sorted(kinds, reverse=True) for kinds in orders)
