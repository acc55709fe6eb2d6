"""
What nginx answers: the location that takes a path, and behind ``proxy_pass`` and its like the server that is handed on to.

Source: nginx.org, ngx_http_core_module ("location", "try_files") and ngx_http_proxy_module ("proxy_pass").
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

import attrs

from imagespec.analyzers.routes.regexpaths import parse_regex
from imagespec.analyzers.routes.routing import Answer, RouteTable, matches
from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.site import Action, Location, Site
from imagespec.rootfs import RootFs
from imagespec.verdict import Evidence

_LIMIT_HANDS = 8
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
        method, path = method.upper(), "/" + path.partition("?")[0].partition("#")[0].lstrip("/")
        if "//" in path or "%" in path or "/." in path or len(path) > 2_000:
            return _open(f"how nginx normalises {path[:200]} is not followed", self.site.place)
        location, doubt = _location(self.site, path)
        if doubt is not None:
            return _open("which location takes the request is not known", doubt.action.place)
        answer = self._act(location, method, path, 0)
        doubts = (*self.site.doubts, *(location.action.doubts if location else ()), *self.unsure)
        if answer.served is not None and doubts:
            message = f"{answer.message}, unless something before it changes that"
            return Answer(served=None, message=message, evidence=(*answer.evidence, *doubts[:3]))
        return answer

    def _act(self, location: Location | None, method: str, path: str, turns: int) -> Answer:
        action = location.action if location is not None else self.site.default
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
            case "files" if turns < 4:
                return self._files(action, method, path, turns)
        return _open("what nginx does with the request is not followed", action.place)

    def _files(self, action: Action, method: str, path: str, turns: int) -> Answer:
        there = any(self.rootfs.resolve(posixpath.join(root, path.lstrip("/"))) for root in action.roots)
        relative = any(not root.startswith("/") for root in action.roots)
        falls = path.endswith("/") and action.fallback and not there and not relative
        if (there or relative or path.endswith("/") or not self.rootfs.complete) and not falls:
            return _open(f"nginx looks for a file for {path}", action.place)
        if action.fallback is None or action.fallback == "=404":
            return Answer(
                served=False, message=f"nginx has no file for {path} (404)", evidence=(action.place,)
            )
        for location in self.site.locations if action.fallback.startswith("@") else ():
            if location.modifier == "@" and location.path == action.fallback:
                answer = self._act(location, method, path, turns + 1)
                return attrs.evolve(answer, served=None) if location.action.doubts else answer
        return _open(f"nginx falls back to {action.fallback}", action.place)

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
