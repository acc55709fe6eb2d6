"""What an nginx server block does with requests: its locations and what each of them leads to."""

from __future__ import annotations

import attrs

from imagespec.verdict import Evidence


@attrs.frozen(kw_only=True)
class MethodReturn:
    """``if ($request_method = …) { return …; }``: what is answered to some methods before anything else."""

    methods: frozenset[str]
    inverted: bool
    """Whether it is for all other methods."""
    status: int
    place: Evidence

    def fits(self, method: str) -> bool:
        """Tell whether a method is answered so."""
        return (method in self.methods) is not self.inverted


@attrs.frozen(kw_only=True)
class Action:
    """What a location does: answers a status, hands on, looks for files, or something that is not followed."""

    kind: str
    """``return``, ``pass``, ``files``, ``unknown``."""
    place: Evidence
    status: int | None = None
    """Of ``return``."""
    target: str = ""
    """Of ``pass``: ``host:port`` or ``unix:path``, each of which is one way that a request may take, parted by blanks."""
    protocol: str = "http"
    """Of ``pass``: ``http``, ``https``, ``uwsgi`` …"""
    replaces: str | None = None
    """Of ``pass``: the text that takes the place of the location's prefix."""
    roots: tuple[str, ...] = ()
    """Of ``files``: directories that are searched; of more than one it is not known which."""
    alias: str | None = None
    """Of ``files``: what takes the place of the location's prefix, instead of ``roots``."""
    tried: tuple[str, ...] = ()
    """Of ``files``: what ``try_files`` says; its last one is for what is no file."""
    index: tuple[str, ...] = ()
    """Of ``files``: names that are looked for in a directory."""
    lists: bool = False
    """Of ``files``: directories are listed."""
    doubts: tuple[Evidence, ...] = ()
    """Directives that may refuse or change requests."""
    returns: tuple[MethodReturn, ...] = ()
    """What is answered to some methods instead."""


@attrs.frozen(kw_only=True)
class Location:
    """One location: ``modifier`` is empty, ``=``, ``^~``, ``~``, ``~*`` or ``@`` (named)."""

    modifier: str
    path: str
    action: Action


@attrs.frozen(kw_only=True)
class Site:
    """The server block that answers requests to an address."""

    locations: tuple[Location, ...]
    default: Action
    """For what no location takes."""
    doubts: tuple[Evidence, ...] = ()
    place: Evidence
    returns: tuple[MethodReturn, ...] = ()
    """What the server block itself answers to some methods."""
    others: tuple[Site, ...] = ()
    """Server blocks of the same address that a request may name instead."""
