"""Python's own command line: what it runs, what keeps it from starting, and what its options hide (CPython 3.8 to 3.14, Python/initconfig.c)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile

import attrs

from imagespec.analyzers.servers.listening import Listener, Listening
from imagespec.analyzers.servers.pythonprograms import (
    beside_a_server,
    follow_code,
    follow_module,
    follow_script,
)
from imagespec.analyzers.servers.words import Command, port_number
from imagespec.analyzers.startup.steps import OpenEnvironment, Step

OPTIONS = frozenset("bBcdEhiIJmOPqRsStuvVWxX?")
"""Letters of options; any other ends Python with status 2."""
_ENCODING = r"(utf[-_]?(8|16|32)|ascii|us-ascii|latin[-_]?1|iso[-_]?8859[-_]\d{1,2}|cp\d{3,4}|gb(k|2312|18030)|big5|euc[-_]\w\w)"
_VALUES: Mapping[str, re.Pattern[str]] = {
    "PYTHONHASHSEED": re.compile(r"random|[0-9]{1,9}"),
    "PYTHONUTF8": re.compile(r"[01]"),
    "PYTHONIOENCODING": re.compile(rf"({_ENCODING})?(:\w+)?", re.IGNORECASE),
    "PYTHONMALLOC": re.compile(r"(default|debug|malloc|pymalloc|mimalloc)(_debug)?"),
    "PYTHONTRACEMALLOC": re.compile(r"[0-9]{1,4}"),
    "PYTHONINTMAXSTRDIGITS": re.compile(r"0|[0-9]{3,9}"),
    "PYTHONCOERCECLOCALE": re.compile(r"[01]|warn"),
}
"""Variables with which Python ends at once where their values are others."""


def variable_doubts(env: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the variables with which Python may not start."""
    for name, pattern in _VALUES.items():
        value = env.get(name, "") if name in env else ""
        if value and not pattern.fullmatch(value):
            yield f"Python may not start with {name}={value[:60]}"
    for name in ("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"):
        if env.get(name):
            yield f"Python may look for its own library elsewhere, because of {name}"


def with_options(step: Step, letters: str) -> Step:
    """Return a step in whose environment stands what options of Python say: -E and -I hide it, -P and -I are a part of it."""
    env = step.environment()
    if set("EI") & set(letters):
        hidden = [name for name in env if name.startswith("PYTHON")]
        for name in hidden:
            del env[name]
        if isinstance(env, OpenEnvironment):
            env.update(dict.fromkeys(hidden or ["PYTHONPATH"], ""))
    if set("PI") & set(letters):
        env["PYTHONSAFEPATH"] = "1"
    return attrs.evolve(step, env=env)


Servers = Mapping[str, Callable[[Command], Listening]]
_VALUED = {"-W", "-X", "--check-hash-based-pycs"}


def follow_python(command: Command, servers: Servers, letters: str = "") -> Listening:
    """Follow ``python [options] (-m MODULE | -c CODE | FILE) …`` (CPython's command line)."""
    words = list(command.words)
    while words:
        word = words.pop(0)
        if word is None:
            return command.gap("what Python is to run is unknown")
        if word in {"--version", "--help"}:
            return Listening()
        if word in _VALUED:
            words = words[1:]
        elif word == "-" or not word.startswith("-"):
            runs = attrs.evolve(command, step=with_options(command.step, letters))
            return _without_site(follow_script(runs, word, tuple(words)), letters, command)
        elif word.startswith("--"):
            return command.gap(f"Python's option {word} is not known")
        elif not set(takewhile(lambda letter: letter not in "mcWX", word[1:])) <= OPTIONS:
            return command.never(f"Python does not know an option of {word[:60]}, and ends")
        else:
            letter = next((part for part in word[1:] if part in "mcVhWX"), None)
            letters += word[1:].partition(letter)[0] if letter is not None else word[1:]
            if letter is not None:
                rest = word.partition(letter)[2]
                return _option(attrs.evolve(command, words=tuple(words)), letter, rest, servers, letters)
    return command.gap("Python is started without a program, and reads it from its input")


def _option(command: Command, letter: str, rest: str, servers: Servers, letters: str) -> Listening:
    words: tuple[str | None, ...] = (rest, *command.words) if rest else command.words
    if letter in "Vh":
        return Listening()
    if letter in "WX":
        return follow_python(attrs.evolve(command, words=words[1:]), servers, letters)
    what = words[0] if words else None
    if what is None:
        return command.gap("what Python is to run is unknown")
    inner = attrs.evolve(command, words=words[1:], step=with_options(command.step, letters))
    if letter == "c":
        return _without_site(follow_code(inner, what), letters, command)
    if what in servers:
        return _without_site(beside_a_server(servers[what](inner)), letters, command)
    found = _http_server(inner) if what == "http.server" else follow_module(inner, what)
    return _without_site(found, letters, command)


def _without_site(found: Listening, letters: str, command: Command) -> Listening:
    """Return what was found, with ``-S`` for nothing certain: no packages are looked for then."""
    if "S" not in letters:
        return found
    gap = attrs.evolve(command.evidence, message="python -S does not look for installed packages")
    listeners = tuple(attrs.evolve(one, certain=False) for one in found.listeners)
    return attrs.evolve(found, listeners=listeners, gaps=(*found.gaps, gap))


def _http_server(command: Command) -> Listening:
    """``python -m http.server``: port 8000 on all interfaces of both families (CPython 3.8 to 3.13, http/server.py)."""
    host: str | None = ""
    port: str | None = "8000"
    words = list(command.words)
    while words:
        word = words.pop(0)
        if word in {"-b", "--bind"} and words:
            host = words.pop(0)
        elif word in {"-d", "--directory", "-p", "--protocol"} and words:
            words.pop(0)
        elif word is not None and word.isdecimal():
            port = word
        elif word != "--cgi":
            return command.gap(f"http.server: {word or 'a word of its command line'} is not understood")
    message = f"http.server listens on {host or 'all interfaces'}, port {port or 'unknown'}"
    listener = Listener(
        host=host,
        port=port_number(port),
        server="http.server",
        certain=command.step.certain,
        evidence=(*command.step.trail[:-1], attrs.evolve(command.evidence, message=message)),
    )
    return Listening(listeners=(listener,))
