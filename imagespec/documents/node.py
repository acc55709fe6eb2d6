"""Typed access to parsed JSON, with the JSON pointer of whatever is wrong."""

from __future__ import annotations

from typing import Any

import attrs

from imagespec.digest import Digest, parse_digest
from imagespec.errors import DocumentError


@attrs.frozen
class Node:
    """An object of the document, with its JSON pointer for errors; null counts as absent, as in Go."""

    value: Any
    document: str
    pointer: str = ""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.value, dict):
            raise DocumentError(self.document, f"#{self.pointer or '/'} is not an object")

    def _get(self, key: str, kind: type, default: Any) -> Any:
        value = self.value.get(key)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise DocumentError(self.document, f"#{self.pointer}/{key} should be {_KIND_NAMES[kind]}")
        return value

    def text(self, key: str, default: str) -> str:
        """Return a string."""
        return str(self._get(key, str, default))

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None where there is none."""
        value = self._get(key, str, None)
        return None if value is None else str(value)

    def flag(self, key: str) -> bool:
        """Return a boolean; False where there is none."""
        return bool(self._get(key, bool, False))

    def size(self, key: str) -> int:
        """Return a number of bytes that must be there."""
        value = self.value.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise DocumentError(
                self.document, f"#{self.pointer}/{key} should be a number of bytes, not {value!r}"
            )
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """Return an object; empty where there is none."""
        value: dict[str, Any] = self._get(key, dict, {})
        return value

    def node(self, key: str) -> Node:
        """Return an object for typed access; empty where there is none."""
        return Node(self.mapping(key), self.document, f"{self.pointer}/{key}")

    def nodes(self, key: str) -> list[Node]:
        """Return an array of objects; empty where there is none."""
        items: list[Any] = self._get(key, list, [])
        return [Node(item, self.document, f"{self.pointer}/{key}/{i}") for i, item in enumerate(items)]

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of strings; empty where there is none."""
        items: list[Any] = self._get(key, list, [])
        if not all(isinstance(item, str) for item in items):
            raise DocumentError(self.document, f"#{self.pointer}/{key} should hold strings only")
        return tuple(items)

    def words(self, key: str) -> tuple[str, ...]:
        """Return an array of strings; a single string counts as one, as in moby's `strslice`, which older Docker wrote."""
        value = self.value.get(key)
        return (value,) if isinstance(value, str) else self.texts(key)

    def digest(self, key: str) -> Digest:
        """Return a digest that must be there."""
        try:
            return parse_digest(self.value.get(key))
        except ValueError as error:
            raise DocumentError(self.document, f"#{self.pointer}/{key}: {error}") from error

    def digests(self, key: str) -> list[Digest]:
        """Return an array of digests."""
        try:
            return [parse_digest(text) for text in self.texts(key)]
        except ValueError as error:
            raise DocumentError(self.document, f"#{self.pointer}/{key}: {error}") from error


_KIND_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object", bool: "true or false"}
