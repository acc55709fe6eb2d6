"""The values of parameters, and the fields that they are put together to (POSIX 2018 XCU 2.5 and 2.6)."""

from __future__ import annotations

from imagespec.analyzers.shell.state import State

_LIMIT_VALUE = 64 << 10  # characters of one value: doubling a variable must not fill the memory
LIMIT_FIELDS = 1_000
"""Words of one command that are followed."""
UNSET = object()
"""What `lookup` returns for a parameter that is not set."""


def lookup(name: str, state: State) -> object:  # noqa: C901, PLR0912 - a table of names
    """Return a parameter's text, None when it is unknown, or a marker when it is not set."""
    if name.isdecimal():
        if name == "0":
            return state.name
        if state.positional is None:
            return None
        number = int(name[:4])
        if None in state.positional[:number]:  # which may be no word, or many
            return None
        return state.positional[number - 1] if number <= len(state.positional) else UNSET
    if name == "#":
        known = state.positional is not None and None not in state.positional
        return str(len(state.positional or ())) if known else None
    if name.endswith("[@]"):
        return None
    if name in {"@", "*"}:
        if state.positional is None:
            return None
        return (
            joined([x for item in state.positional for x in (" ", item)][1:]) if state.positional else UNSET
        )
    if name == "BASH" and state.dialect == "bash":
        return "/bin/bash"
    if name == "PS1" and state.dialect == "bash" and name not in state.variables:
        return UNSET  # no shell here is asked by anybody
    if name == "BASH_VERSION" and name not in state.variables:  # scripts ask whether there is one
        return "5.2.0(1)-release" if state.dialect == "bash" else UNSET
    if name == "-":
        return "hBc" if state.dialect == "bash" else None
    if name == "PWD":
        return state.cwd
    if name == "BASH_SOURCE":
        return state.source if state.dialect == "bash" else None
    if name in state.variables:
        return state.variables[name]
    special = not (name[:1].isalpha() or name[:1] == "_")
    return None if state.wild or special or name in _SHELLS_OWN else UNSET


_SHELLS_OWN = frozenset(
    "BASHPID BASH_VERSION COLUMNS EUID GROUPS HOSTNAME HOSTTYPE IFS LINENO LINES MACHTYPE OLDPWD "  # noqa: SIM905 - one word a line is no better
    "OPTARG OPTIND OSTYPE PPID PS1 PS4 RANDOM SECONDS SHELL SHELLOPTS SHLVL UID _".split()
)
"""Set by shells themselves (bash 5.2 manual, section 5)."""


def certainly_unset(name: str, state: State) -> bool:
    """
    Tell whether a parameter is unset whatever the container is started with.

    So is PYTHONPATH where the image does not set it: scripts add to it, and nobody but images sets it.
    """
    return name in state.unset or name == "PYTHONPATH" or not (name[:1].isalpha() or name[:1] == "_")


def joined(texts: list[str | None]) -> str | None:
    """Return texts as one; None where one is not known, or the whole is too long."""
    found = [text for text in texts if text is not None]
    if len(found) < len(texts) or sum(map(len, found)) > _LIMIT_VALUE:
        return None
    return "".join(found)


class Fields:
    """Fields while they are put together."""

    def __init__(self) -> None:
        self.glob = False
        self.quoted_glob = False
        self._fields: list[str | None] = []
        self._current: list[str | None] | None = None

    def append(self, text: str | None) -> None:
        """Add text to the current field."""
        self._current = [*(self._current or []), text]

    def split(self, text: str | None) -> None:
        """Add an unquoted value, which blanks split."""
        if text is None:
            self.append(None)
            return
        self.glob |= any(char in text for char in "*?[")
        if text[:1].isspace():
            self.end()
        for number, piece in enumerate(text.split()[:LIMIT_FIELDS]):
            if number:
                self.end()
            self.append(piece)
        if text[-1:].isspace():
            self.end()

    def end(self) -> None:
        """Close the current field, if any was begun."""
        if self._current is not None:
            self._fields.append(joined(self._current))
        self._current = None

    def done(self) -> list[str | None]:
        """Return the fields."""
        self.end()
        return self._fields
