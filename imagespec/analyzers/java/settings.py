"""
The properties of a Spring Boot application, from the sources that it reads, strongest first.

Sources: Spring Boot 2.7 and 3.2, "Externalized Configuration", among them relaxed binding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from imagespec.analyzers.python.yamlsubset import NotFollowedError, Yaml, parse_yaml

_LINES = 2_000
_PAIR = re.compile(r"[ \t\f]*([^\s=:\\]{1,200})[ \t\f]*[=:]?[ \t\f]*(.*)")
_PLACE = re.compile(r"\$\{([\w.-]{1,100})(?::([^${}]{0,200}))?\}")
_OPEN_VALUE = re.compile(r"([ ]*[\w.-]+:[ ]+)(\$\{[^'\"\\#\n]{1,200}\}[\w/.-]{0,100})[ ]*")
_PROFILES = ("spring.config.activate.onprofile", "spring.profiles")
# Settings that bring further sources, or choose others.
_ELSEWHERE = (
    "spring.config.location", "spring.config.additionallocation", "spring.config.name", "spring.config.import",
    "spring.profiles.include", "spring.profiles.group", "spring.profiles.default", "spring.application.json",
    "spring.main.sources", "context.initializer.classes", "context.listener.classes",
)  # fmt: skip


class UnknownSettingError(Exception):
    """A property's value is not known; the message says why."""


def canonical(name: str) -> str:
    """Return a property's name as relaxed binding compares it."""
    return name.replace("-", "").replace("_", "").lower()


@attrs.frozen
class Source:
    """Properties by their canonical names; None for a value that is not known."""

    place: str
    values: Mapping[str, str | None]
    opaque: str = ""
    """Why it may have any other property as well; empty where it has not."""
    environment: bool = False
    """Names are those of environment variables."""

    def find(self, name: str) -> tuple[str, ...]:
        """Return the names of this source that a property, by its own name, is found under."""
        wanted = canonical(name)
        if not self.environment:
            return tuple(key for key in self.values if key == wanted)
        forms = {wanted, wanted.replace(".", "_"), name.lower().replace("-", "_").replace(".", "_")}
        return tuple(key for key in self.values if key.lower() in forms)

    def below(self, prefix: str) -> list[str]:
        """Return the names that begin with a prefix such as ``server.ssl.``."""
        wanted = canonical(prefix)
        if not self.environment:
            return [key for key in self.values if key.startswith(wanted)]
        plain = wanted.replace(".", "")
        return [key for key in self.values if canonical(key).replace(".", "").startswith(plain)]


@attrs.frozen
class Settings:
    """All sources of one application, strongest first."""

    sources: Sequence[Source]

    def get(self, name: str, depth: int = 6) -> str | None:
        """Return a property's value, None where it has none; raises UnknownSettingError."""
        for source in self.sources:
            names = source.find(name)
            if len(names) > 1 or (names and source.values[names[0]] is None):
                raise UnknownSettingError(f"{name} of {source.place} is not known")
            if names:
                return self.filled(source.values[names[0]] or "", depth - 1)
            if source.opaque:
                raise UnknownSettingError(f"{source.place} may set {name}: {source.opaque}")
        return None

    def place(self, name: str) -> str:
        """Return where a property is set; empty where it is not."""
        return next((source.place for source in self.sources if source.find(name)), "")

    def below(self, prefix: str) -> list[str]:
        """Return the names that begin with a prefix, or reasons why there may be some."""
        found = [key for source in self.sources for key in source.below(prefix)]
        return found + [source.opaque for source in self.sources if source.opaque]

    def filled(self, text: str, depth: int = 6) -> str:
        """Return a text with its placeholders replaced; raises UnknownSettingError."""
        if depth < 0 or len(text) > 10_000:
            raise UnknownSettingError("placeholders refer to one another")
        while (found := _PLACE.search(text)) is not None:
            value = self.get(found[1], depth)
            value = found[2] if value is None else value
            if value is None or "${" in value:
                raise UnknownSettingError(f"{found[0]} is set nowhere")
            text = text[: found.start()] + value + text[found.end() :]
            depth -= 1
            if depth < 0:
                raise UnknownSettingError("too many placeholders")
        if "${" in text or "#{" in text or text.startswith("@"):
            raise UnknownSettingError(f"{text[:80]} is not followed")
        return text

    def elsewhere(self) -> str | None:
        """Return a setting that names further sources, which are not followed; None without one."""
        for source in self.sources:
            for name in _ELSEWHERE:
                if source.below(name):
                    return f"{name} is set in {source.place}"
        return None


def read_properties(text: str, place: str) -> Source:
    """Read a properties file (java.util.Properties); escapes make a value unknown."""
    found: dict[str, str | None] = {}
    lines = re.split(r"\r\n|\n|\r", text)
    for line in lines:
        if not line.strip() or line.lstrip().startswith(("#", "!")):
            if line.startswith(("#---", "!---")):
                return Source(place, {}, "it has several documents")
            continue
        pair = _PAIR.fullmatch(line)
        if pair is None or line.endswith("\\") or len(lines) > _LINES:
            return Source(place, {}, "it is not understood")
        found[canonical(pair[1])] = None if "\\" in pair[2] else pair[2]
    for name in _PROFILES:
        if name in found:
            return Source(place, {}, "it is for some profiles only")
    return Source(place, found)


def read_yaml(text: str, place: str, profiles: Iterable[str]) -> Source:
    """Read a YAML file of one or more documents; those of other profiles are left out."""
    merged: dict[str, str | None] = {}
    active = set(profiles)
    try:
        for document in re.split(r"(?m)^---[ ]*$\n?", text.replace("\r\n", "\n")):
            lines = (
                _OPEN_VALUE.sub(r'\1"\2"', line) if _OPEN_VALUE.fullmatch(line) else line
                for line in document.split("\n")
            )
            quoted = "\n".join(lines)
            if not any(line.strip() and not line.lstrip().startswith("#") for line in quoted.split("\n")):
                continue
            values = _flat(parse_yaml(quoted))
            wanted = [values.pop(name) for name in _PROFILES if name in values]
            names = {name.strip() for item in wanted for name in (item or "!").split(",")}
            if any(not re.fullmatch(r"[\w-]+", name) for name in names) or names & active:
                return Source(place, {}, "a document of it is for some profiles only")
            if not wanted:
                merged.update(values)
    except NotFollowedError:
        return Source(place, {}, "its YAML is not followed")
    return Source(place, merged)


def _flat(document: Yaml) -> dict[str, str | None]:
    """Return nested mappings with dotted names; what is no scalar is not known."""
    if not isinstance(document, dict):
        raise NotFollowedError
    found: dict[str, str | None] = {}
    pending: list[tuple[str, Yaml]] = list(reversed(document.items()))
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}", inner) for key, inner in reversed(value.items())]
        elif isinstance(value, bool):
            found[canonical(name)] = "true" if value else "false"
        else:
            found[canonical(name)] = (
                None if isinstance(value, list | float) else "" if value is None else str(value)
            )
    return found
