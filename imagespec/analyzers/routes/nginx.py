"""
What nginx answers: the location that takes a path, and behind ``proxy_pass`` and its like the server that is handed on to.

Source: nginx.org, ngx_http_core_module ("location", "try_files") and ngx_http_proxy_module ("proxy_pass").
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

import attrs

from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import Answer, RouteTable
from imagespec.analyzers.routes.tokens import matches
from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.site import Action, Location, MethodReturn, Site
from imagespec.entry import Entry, EntryKind
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_LIMIT_HANDS = 8
_LIMIT_TURNS = 8
_ALL = ("", "0.0.0.0", "*")  # noqa: S104 - compared with
_LOOPBACK = ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "::1")  # noqa: S104 - compared with


@attrs.frozen(kw_only=True)
class SiteAnswers:
    """Answers for one server block; ``behind`` gives those of another listener."""

    site: Site
    listening: Listening
    rootfs: RootFs
    behind: Callable[[Listener, int], RouteTable | SiteAnswers]
    unsure: tuple[Evidence, ...] = ()
    hands: int = 0

    def answer(self, method: str, path: str) -> Answer:
        """Tell whether a request is served; ``path`` may have a query, which is ignored."""
        answers = [self._of_site(site, method, path) for site in (self.site, *self.site.others)]
        if len({answer.served for answer in answers}) == 1:
            return answers[0]
        message = (
            f"the Host header decides which server block answers {path[:200]}, and they answer differently"
        )
        return _open(message, self.site.place)

    def _of_site(self, site: Site, method: str, path: str) -> Answer:
        if site is not self.site:
            return attrs.evolve(self, site=attrs.evolve(site, others=())).answer(method, path)
        method, path = method.upper(), "/" + path.partition("?")[0].partition("#")[0].lstrip("/")
        if "//" in path or "%" in path or "/." in path or len(path) > 2_000:
            return _open(f"how nginx normalises {path[:200]} is not followed", self.site.place)
        own = next((one for one in self.site.returns if one.fits(method)), None)
        answer = self._route(method, path, 0) if own is None else _by_method(own, method, path)
        doubts = (*self.site.doubts, *self.unsure)
        if answer.served is not None and doubts:
            return _doubted(answer, doubts)
        return answer

    def _route(self, method: str, path: str, turns: int) -> Answer:
        """Answer by the location that takes a path, at first or after a turn inside nginx."""
        location, doubt = _location(self.site, path)
        if doubt is not None:
            return _open("which location takes the request is not known", doubt.action.place)
        answer = self._act(location, method, path, turns)
        doubts = location.action.doubts if location else ()
        return _doubted(answer, doubts) if answer.served is not None and doubts else answer

    def _act(self, location: Location | None, method: str, path: str, turns: int) -> Answer:
        action = location.action if location is not None else self.site.default
        for one in action.returns:
            if one.fits(method):
                return _by_method(one, method, path)
        match action.kind:
            case "return":
                served = 200 <= (action.status or 0) < 300
                return Answer(
                    served=served,
                    message=f"nginx answers {path} with {action.status}",
                    evidence=(action.place,),
                )
            case "pass":
                return self._hand_on(location, action, method, path)
            case "files":
                return self._files(location, action, method, path, turns)
        return _open("what nginx does with the request is not followed", action.place)

    def _files(self, location: Location | None, action: Action, method: str, path: str, turns: int) -> Answer:
        """Answer from files: those that ``try_files`` names, or the one of the path."""
        if not self.rootfs.complete:
            return _open(f"nginx looks for a file for {path}", action.place)
        answers = []
        for root in action.roots if action.alias is None else ("",):
            base = _Folder(self, action, method, turns, root, location.path if location is not None else "")
            answers.append(base.tried(path) if action.tried else base.found(path))
        if len({answer.served for answer in answers}) > 1:
            return _open(f"nginx looks for a file for {path}", action.place)
        return answers[0]

    def falls_back(self, action: Action, method: str, path: str, turns: int) -> Answer:
        """Answer with the last of ``try_files``."""
        last = action.tried[-1]
        if re.match(r"=[0-9]{3}\Z", last):
            message = f"nginx has no file for {path} ({last[1:]})"
            return Answer(served=last[1] == "2", message=message, evidence=(action.place,))
        for location in self.site.locations if last.startswith("@") else ():
            if location.modifier == "@" and location.path == last:
                answer = self._act(location, method, path, turns + 1)
                doubts = location.action.doubts
                return _doubted(answer, doubts) if answer.served is not None and doubts else answer
        target = re.sub(r"(\?.*|\$is_args.*)\Z", "", last).replace("$uri", path)
        if turns < _LIMIT_TURNS and target.startswith("/") and "$" not in target:
            return self._route(method, target, turns + 1)
        return _open(f"nginx falls back to {last}", action.place)

    def turn(self, action: Action, method: str, path: str, turns: int) -> Answer:
        """Answer for another path, to which nginx turns by itself."""
        if turns >= _LIMIT_TURNS:
            return _open("nginx turns from path to path", action.place)
        return self._route(method, path, turns + 1)

    def _hand_on(self, location: Location | None, action: Action, method: str, path: str) -> Answer:
        if action.protocol == "https" or self.hands >= _LIMIT_HANDS:
            return _open("what the server behind nginx answers is not followed", action.place)
        prefix = location.path if location is not None and location.modifier in {"", "=", "^~"} else ""
        inner = path
        if action.replaces is not None:
            inner = action.replaces + path[len(prefix) :]
        answers = [self._ask(target, action, method, inner) for target in action.target.split()]
        first = answers[0]
        if len(answers) > 1 and len({answer.served for answer in answers}) > 1:
            return _open("the servers behind nginx answer differently", action.place)
        return attrs.evolve(first, evidence=(action.place, *first.evidence))

    def _ask(self, target: str, action: Action, method: str, path: str) -> Answer:
        socket = target.removeprefix("unix:") if target.startswith("unix:") else None
        host, _, port = target.rpartition(":")
        if socket is None and host not in _LOOPBACK:
            return _open(
                f"{target}, which nginx hands on to, is not known to be in the container", action.place
            )
        found = [one for one in self.listening.listeners if _is_at(one, socket, host, port)]
        if any(one.port is None and one.socket is None for one in self.listening.listeners) or len(found) > 1:
            return _open(f"who listens at {target} is not known", action.place)
        odd = any(
            one.socket is not None and not one.socket.startswith("/") for one in self.listening.listeners
        )
        if not found and socket is not None and odd:
            return _open(f"who listens at {target} is not known", action.place)
        if not found and self.listening.gaps:
            return Answer(
                served=None,
                message=f"nginx hands on to {target}, where no server was found",
                evidence=(action.place, *self.listening.gaps[:3]),
            )
        if not found:
            message = f"nginx hands {path} on to {target}, where nobody listens (502)"
            return Answer(served=False, message=message, evidence=(action.place,))
        if found[0].tls is not False or found[0].protocol != action.protocol:
            return _open(
                f"whether nginx and {found[0].server} speak the same protocol is not followed", action.place
            )
        return self.behind(found[0], self.hands + 1).answer(method, path)


@attrs.frozen
class _Folder:
    """The directory that a location's files are looked for in."""

    site: SiteAnswers
    action: Action
    method: str
    turns: int
    root: str
    prefix: str
    """Of the location, which an alias takes the place of."""

    def tried(self, path: str) -> Answer:
        """Answer by ``try_files``."""
        for pattern in self.action.tried[:-1]:
            name = pattern.replace("$uri", path)
            if "$" in name:
                return _open(f"nginx looks for a file for {path}", self.action.place)
            entry = self._entry(name)
            wanted = EntryKind.DIRECTORY if pattern.endswith("/") else EntryKind.FILE
            file = wanted is EntryKind.FILE
            if entry is not None and entry.kind is wanted and not (file and name.endswith("/")):
                # For a directory the request's own path goes on, so that it may be redirected to the slash.
                return self.found(path if pattern == "$uri/" else name)
        return self.site.falls_back(self.action, self.method, path, self.turns)

    def found(self, path: str) -> Answer:
        """Answer with the file of a path, the index of a directory, or an error."""
        entry = self._entry(path)
        if path.endswith("/"):
            return self._directory(path, entry)
        if entry is not None and entry.kind is EntryKind.DIRECTORY:
            return self._no(f"{path} is a directory: nginx redirects to {path}/ (301)")
        if self.method not in {"GET", "HEAD"}:
            return self._no(f"nginx serves the file of {path} for GET only")
        if entry is None or entry.kind is not EntryKind.FILE:
            return self._no(f"nginx has no file for {path} (404)")
        if not self._is_readable(path):
            return _open(f"whether nginx may read the file of {path} is not known", self.action.place)
        message = f"nginx serves the file /{entry.path} for {path}"
        return Answer(served=True, message=message, evidence=(self.action.place,))

    def _directory(self, path: str, entry: Entry | None) -> Answer:
        for name in self.action.index:
            if "$" in name or name.startswith("/"):
                return _open(f"nginx looks for an index of {path}", self.action.place)
            if self._entry(path + name) is not None:
                return self.site.turn(self.action, self.method, path + name, self.turns)
        if self.action.lists and entry is not None:
            return _open(f"nginx may list the directory {path}", self.action.place)
        return self._no(f"nginx has no index for {path} (403 or 404)")

    def _name(self, path: str) -> str:
        if self.action.alias is None:
            return f"{self.root}/{path.lstrip('/')}"
        return self.action.alias + path[len(self.prefix) :]

    def _entry(self, path: str) -> Entry | None:
        return self.site.rootfs.resolve(posixpath.normpath(self._name(path)))

    def _is_readable(self, path: str) -> bool:
        """Tell whether everybody may read a file, as nginx's workers are somebody."""
        entry = self._entry(path)
        folders = entry.path.split("/")[:-1] if entry is not None else []
        above = [self.site.rootfs.lookup("/" + "/".join(folders[: n + 1])) for n in range(len(folders))]
        return (
            entry is not None
            and entry.mode & 0o004 != 0
            and all(item is None or item.mode & 0o001 for item in above)
        )

    def _no(self, message: str) -> Answer:
        return Answer(served=False, message=message, evidence=(self.action.place,))


def _by_method(one: MethodReturn, method: str, path: str) -> Answer:
    message = f"nginx answers {method} {path} with {one.status}"
    return Answer(served=200 <= one.status < 300, message=message, evidence=(one.place,))


def _doubted(answer: Answer, doubts: tuple[Evidence, ...]) -> Answer:
    message = f"{answer.message}, unless something before it changes that"
    return Answer(served=None, message=message, evidence=(*answer.evidence, *doubts[:3]))


def _is_at(one: Listener, socket: str | None, host: str, port: str) -> bool:
    if socket is not None:
        return one.socket is not None and _plain_path(one.socket) == _plain_path(socket)
    reached = one.host in {*_ALL, "127.0.0.1", "localhost"} or (one.host == "::1" and host != "127.0.0.1")
    return one.port is not None and str(one.port) == port and reached


def _plain_path(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


def _open(message: str, place: Evidence) -> Answer:
    return Answer(served=None, message=message, evidence=(place,))


def _location(site: Site, path: str) -> tuple[Location | None, Location | None]:
    """Return the location that takes a path, and one that may take it in its stead."""
    for location in site.locations:
        if location.modifier == "=" and location.path == path:
            return location, None
    prefixes = [location for location in site.locations if location.modifier in {"", "^~"}]
    for location in prefixes:
        if location.path == path + "/" and location.action.kind == "pass":
            return None, location  # a redirect to the location (301), as a rule
    fitting = [location for location in prefixes if path.startswith(location.path)]
    best = max(fitting, key=lambda location: len(location.path), default=None)
    if best is not None and best.modifier == "^~":
        return best, None
    for location in site.locations:
        fits = _fits(location, path) if location.modifier in {"~", "~*"} else False
        if fits is not False:
            return (location, None) if fits else (best, location)
    return best, None


def _fits(location: Location, path: str) -> bool | None:
    pattern = location.path
    if location.modifier == "~*" and (pattern != pattern.lower() or path != path.lower()):
        return None
    tokens = parse_regex(pattern, from_start=False, to_end=False)
    return None if tokens is None else matches(tokens, path)
