"""
Class files: names, annotations, and what methods refer to (Java Virtual Machine Specification 17, chapter 4).

Nothing is verified, and everything is bounded by the file's length and `_DEPTH`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import attrs

from imagespec.analyzers.java.instructions import BrokenCodeError, find_references

_MAGIC = 0xCAFEBABE
_DEPTH = 6
_WIDTHS = {3: 4, 4: 4, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_LONG = {5, 6}
ANNOTATION, ABSTRACT, BRIDGE = 0x2000, 0x0400, 0x0040


class BrokenClassError(Exception):
    """The bytes are no class file, or one that is not understood."""


@attrs.frozen
class Annotation:
    """One annotation: ``name`` with dots; values are texts, numbers, names of enums, annotations and tuples of these."""

    name: str
    values: Mapping[str, object]

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return the texts of elements that are one or an array of them."""
        found = [self.values[name] for name in names if name in self.values]
        items = [item for value in found for item in (value if isinstance(value, tuple) else (value,))]
        return tuple(item for item in items if isinstance(item, str))


@attrs.frozen(kw_only=True)
class Method:
    """One method; ``references`` are the methods and fields its code names, as ``class.name descriptor``, in order."""

    name: str
    descriptor: str
    access: int
    annotations: tuple[Annotation, ...] = ()
    parameters: tuple[tuple[Annotation, ...], ...] = ()
    references: tuple[str, ...] = ()
    returns: bool = True
    throws: bool = False
    hands_arguments_to: tuple[str, ...] = ()
    """What it calls with its first argument as the last one."""


@attrs.frozen(kw_only=True)
class ClassFile:
    """One class; names have dots. ``texts`` has all texts of its constant pool, a line each, in the file's own form."""

    name: str
    parent: str
    interfaces: tuple[str, ...]
    major: int
    access: int
    annotations: tuple[Annotation, ...]
    methods: tuple[Method, ...]
    texts: str


def read_class(data: bytes) -> ClassFile:
    """Return what a class file says; raises BrokenClassError."""
    try:
        return _Reader(data).read()
    except (struct.error, IndexError, KeyError, TypeError, ValueError, BrokenCodeError):
        raise BrokenClassError from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._pool: list[str | tuple[int, ...] | None] = [None]

    def read(self) -> ClassFile:
        if self._number(4) != _MAGIC:
            raise BrokenClassError
        major = self._number(4) & 0xFFFF
        self._read_pool()
        access, name, parent = self._number(2), self._class(self._number(2)), self._number(2)
        interfaces = tuple(self._class(self._number(2)) for _ in range(self._number(2)))
        for _ in range(self._number(2)):  # fields
            self._take(6)
            self._attributes()
        methods = tuple(self._method() for _ in range(self._number(2)))
        own = self._attributes()
        return ClassFile(
            name=name,
            parent=self._class(parent) if parent else "",
            interfaces=interfaces,
            major=major,
            access=access,
            annotations=self._annotations(own.get("RuntimeVisibleAnnotations")),
            methods=methods,
            texts="".join(item + "\n" for item in self._pool if isinstance(item, str)),
        )

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise BrokenClassError
        self._at += size
        return piece

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _read_pool(self) -> None:
        count = self._number(2)
        while len(self._pool) < count:
            tag = self._number(1)
            if tag == 1:
                self._pool.append(self._take(self._number(2)).decode("utf-8", "replace"))
            elif tag in _LONG:
                self._pool += [(self._number(8),), None]
            else:
                width = _WIDTHS[tag]
                self._pool.append(
                    (self._number(2), self._number(2)) if width == 4 else (self._number(width),)
                )

    def _text(self, number: int) -> str:
        found = self._pool[number]
        if not isinstance(found, str):
            raise BrokenClassError
        return found

    def _parts(self, number: int) -> tuple[int, ...]:
        found = self._pool[number]
        if not isinstance(found, tuple):
            raise BrokenClassError
        return found

    def _class(self, number: int) -> str:
        return self._text(self._parts(number)[0]).replace("/", ".")

    def _reference(self, number: int) -> str:
        """Return a method or field as ``class.name descriptor``."""
        owner, kind = self._parts(number)
        name, descriptor = self._parts(kind)
        return f"{self._class(owner)}.{self._text(name)} {self._text(descriptor)}"

    def _attributes(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for _ in range(self._number(2)):
            name = self._text(self._number(2))
            found[name] = self._take(self._number(4))
        return found

    def _method(self) -> Method:
        access, name, descriptor = self._number(2), self._text(self._number(2)), self._text(self._number(2))
        own = self._attributes()
        code = find_references(own["Code"]) if "Code" in own else None
        return Method(
            name=name,
            descriptor=descriptor,
            access=access,
            annotations=self._annotations(own.get("RuntimeVisibleAnnotations")),
            parameters=self._parameters(own.get("RuntimeVisibleParameterAnnotations")),
            references=tuple(self._reference(item) for item in code.references) if code else (),
            returns=code is None or code.returns,
            throws=code is not None and code.throws,
            hands_arguments_to=tuple(self._reference(item) for item in code.with_argument) if code else (),
        )

    def _annotations(self, data: bytes | None) -> tuple[Annotation, ...]:
        return () if data is None else self._inside(data).annotations()

    def _parameters(self, data: bytes | None) -> tuple[tuple[Annotation, ...], ...]:
        return () if data is None else self._inside(data).of_parameters()

    def _inside(self, data: bytes) -> _Reader:
        inner = _Reader(data)
        inner._pool = self._pool
        return inner

    def annotations(self) -> tuple[Annotation, ...]:
        """Read a table of annotations (4.7.16)."""
        return tuple(self._annotation(0) for _ in range(self._number(2)))

    def of_parameters(self) -> tuple[tuple[Annotation, ...], ...]:
        """Read those of all parameters of a method (4.7.18)."""
        return tuple(self.annotations() for _ in range(self._number(1)))

    def _annotation(self, depth: int) -> Annotation:
        name = self._text(self._number(2)).removeprefix("L").removesuffix(";").replace("/", ".")
        values: dict[str, object] = {}
        for _ in range(self._number(2)):
            element = self._text(self._number(2))
            values[element] = self._value(depth)
        return Annotation(name, values)

    def _value(self, depth: int) -> object:
        """Read an element's value (4.7.16.1)."""
        if depth > _DEPTH:
            raise BrokenClassError
        tag = chr(self._number(1))
        if tag == "@":
            return self._annotation(depth + 1)
        if tag == "[":
            return tuple(self._value(depth + 1) for _ in range(self._number(2)))
        if tag == "e":
            self._take(2)
        number = self._number(2)
        return self._text(number) if tag in "sec" else self._parts(number)[0]
