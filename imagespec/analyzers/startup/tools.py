"""Programs by name: shells, interpreters, and the small tools that end by themselves."""

from __future__ import annotations

import re

from imagespec.entry import Entry

SHELLS = frozenset({"sh", "bash", "dash", "ash", "rbash", "ksh", "mksh", "zsh"})
FOREIGN_SHELLS = frozenset({"ksh", "mksh", "zsh"})
"""Shells whose language is not the one that is parsed."""

SHORT_LIVED = frozenset(
    "arch awk base64 basename cat chgrp chmod chown clear comm cp cut date df diff dirname dos2unix dpkg-query find "  # noqa: SIM905 - one word a line is no better
    "du echo env envsubst expr false file free getconf getent getopt grep egrep fgrep groups gunzip "
    "gzip head hexdump hostname id install ip ifconfig jq killall ldconfig link ln locale ls lscpu md5sum mesg "
    "mkdir mkfifo mktemp mv nproc od openssl paste pgrep pkill printenv printf ps pwd readlink realpath rm rmdir sha1sum "
    "sed seq sha256sum sleep sort split stat stty sync sysctl tar touch tr true truncate tty umask "
    "uname uniq unlink unzip update-ca-certificates uptime wc which whoami xxd zcat zip".split()
)
"""
Tools that end by themselves in ordinary use (POSIX utilities, coreutils, util-linux, procps); `chances` says how.

Not among them: tools that wait for a network or a database, package managers, language interpreters, ``tail``.
"""

HARMLESS = frozenset(
    "arch basename cat chmod chown chgrp cut date df dirname du echo env expr false file free getconf "  # noqa: SIM905 - one word a line is no better
    "grep groups head hostname id killall ldconfig ls lscpu mkdir nproc pgrep pkill printenv printf ps pwd readlink "
    "realpath seq sleep stat test touch tr true ulimit umask uname uptime wc which whoami".split()
)
"""Tools that leave every program and script as it is (``chmod`` is kept book of on its own)."""

NARROW = frozenset(
    "sed rm rmdir ln tee sort uniq awk envsubst md5sum sha1sum sha256sum dpkg-query apk clear sync stty".split()  # noqa: SIM905 - one word a line is no better
)
"""Tools that change or make only what their words name, or nothing."""

CLIENTS = frozenset({"curl", "wget"})
"""Programs that ask servers and never are one; what they print is no server's log, and when they end is not known."""

_TELLING = frozenset(
    "java node npm pip pip3 conda gunicorn uvicorn nginx gcc make git nvcc cmake curl wget bash".split()  # noqa: SIM905 - one word a line is no better
)
_VERSION = frozenset({"--version", "-V", "-version", "-v"})
_CURL_ELSEWHERE = frozenset(
    {"--remote-name", "--remote-name-all", "--config", "--output-dir", "--create-dirs"}
)

_DURATION = re.compile(r"[0-9.]+[smhd]?\Z")
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*\Z")


def is_python(name: str) -> bool:
    """Tell whether a program's base name is that of a Python interpreter."""
    return bool(_PYTHON.match(name))


def ends_by_itself(words: tuple[str | None, ...]) -> bool:
    """Tell whether a command is a small tool that returns."""
    name = (words[0] or "").rpartition("/")[2]
    if only_tells(words) or is_bounded_fetch(words):
        return True
    if name == "apk":
        return words[1:2] in {("manifest",), ("info",)}
    if name == "sleep":
        return all(word is not None and _DURATION.match(word) for word in words[1:])
    return name in SHORT_LIVED


def only_tells(words: tuple[str | None, ...]) -> bool:
    """Tell whether a command only tells something of itself or of the machine: a version, packages, graphics cards."""
    name, rest = (words[0] or "").rpartition("/")[2], words[1:]
    if name == "nvidia-smi":
        return not any(
            word is None or word.startswith(("-l", "--loop", "dmon", "pmon", "daemon")) for word in rest
        )
    if re.fullmatch(r"pip[0-9.]*", name) and rest[:1] in {("list",), ("freeze",), ("show",), ("check",)}:
        return True
    return len(rest) == 1 and rest[0] in _VERSION and (is_python(name) or name in _TELLING)


def may_refuse(words: tuple[str | None, ...]) -> bool:
    """Tell whether a command that returns may well fail: it asks another server, or for a graphics card."""
    return is_bounded_fetch(words) or (words[0] or "").endswith("nvidia-smi") or "check" in words[1:2]


def is_bounded_fetch(words: tuple[str | None, ...]) -> bool:
    """Tell whether ``curl`` gives up by itself and writes only what its words name (curl 7 and 8, --max-time)."""
    name, rest = (words[0] or "").rpartition("/")[2], words[1:]
    if name != "curl" or None in rest:
        return False
    texts = [word or "" for word in rest]
    letters = {letter for word in texts if word[:1] == "-" != word[1:2] for letter in word[1:]}
    bounded = any(word in {"-m", "--max-time"} or word.startswith("--max-time=") for word in texts)
    return bounded and not letters & set("OJKZ") and not any(word in _CURL_ELSEWHERE for word in texts)


def reads_as_it_is(name: str, entry: Entry) -> bool:
    """Tell whether a small tool is one of the system's own scripts, such as Debian's ``which``: not looked into."""
    directory = entry.path.rpartition("/")[0]
    return name in SHORT_LIVED and directory in {"bin", "usr/bin", "sbin", "usr/sbin"}


def is_harmless(name: str, words: tuple[str | None, ...]) -> bool:
    """Tell whether a command leaves every program and script as it is."""
    changes = any(word is None or word.startswith(("-delete", "-exec", "-ok", "-fprint")) for word in words)
    return name in HARMLESS or (name == "find" and not changes) or only_tells(words)


def dialect_of(name: str, entry: Entry | None) -> str:
    """Return the language of a shell: of the program that a name such as ``sh`` leads to."""
    real = entry.path.rpartition("/")[2] if entry else name
    if real.startswith("busybox"):
        return "ash"
    return {"rbash": "bash"}.get(real, real) if real in SHELLS else name


def python_script(words: tuple[str | None, ...]) -> str | None:
    """Return the file argument of a Python command line (`python --help`, 3.13); None when there is none."""
    at = 1
    while at < len(words):
        word = words[at]
        at += 1
        if word is None or word in {"-", "--"}:
            return None
        if not word.startswith("-"):
            return word
        if word.startswith("--"):
            at += word == "--check-hash-based-pycs"
            continue
        letters = word[1:]
        taking = next((i for i, letter in enumerate(letters) if letter in "cmWXhV?"), None)
        if taking is None:
            continue
        if letters[taking] in "cmhV?":
            return None
        at += taking == len(letters) - 1
    return None
