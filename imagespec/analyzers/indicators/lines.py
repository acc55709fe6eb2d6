"""
Lines of scripts and of the image's history that open a shell to somebody else, or run what they download.

Every pattern here is applied to one bounded line, is anchored at a literal and has bounded repetitions, so the work
is linear in the text. Quoting is not modelled: for what has no innocent reading it does not matter whether a line is
run now or written into a crontab, and what may be innocent is matched only outside of quotes.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator

import attrs

from imagespec.analyzers.indicators.found import Strength
from imagespec.analyzers.indicators.words import (
    NETCATS,
    SHELL_WORD,
    base_name,
    is_bare_shell,
    logical_lines,
    split_words,
)
from imagespec.text import shorten

_MARKER_WORDS = r"/dev/(?:tcp|udp)/|\bnc\b|ncat|netcat|socket|fsockopen|socat|telnet|s_client|curl|wget|base64|(?i:stratum)"
_MARKERS = re.compile(_MARKER_WORDS.encode())
_LINE_MARKERS = re.compile(_MARKER_WORDS)
_INTERACTIVE = re.compile(
    r"(?<![\w.-])(?:ba|da|z|k|a|mk)?sh(?:[ \t]{1,8}--?[abd-z]{1,8}){0,2}[ \t]{1,8}-[abd-zA-Z]{0,6}i[abd-zA-Z]{0,6}(?![\w-])"
)
_NET_REDIRECT = re.compile(r"[<>]&?[ \t]{0,8}/dev/(?:tcp|udp)/[^\s/]{1,255}/")
_INPUT_IS_OUTPUT = re.compile(r"0?<&1(?!\d)|0>&1(?!\d)")
_NET_DESCRIPTOR = re.compile(r"(?<!\d)(\d{1,4})<>?[ \t]{0,8}/dev/(?:tcp|udp)/")
_SHELL_ON_DESCRIPTOR = re.compile(
    r"(?<![\w.-])(?:ba|da|z|k|a|mk)?sh(?:[ \t]{1,8}-\w{1,8}){0,3}[ \t]{0,8}\d?[<>]&(\d{1,4})(?!\d)"
)
_LOOP_ON_DESCRIPTOR = re.compile(
    r"\bdo[ \t]{1,8}(?:eval[ \t]{1,8})?[\"']?\$\{?\w{1,64}\}?[\"']?[ \t]{1,8}\d?>&(\d{1,4})"
)
_SOCAT_SHELL = re.compile(r"\b(?:exec|system):(?:/usr)?(?:/bin/)?(?:ba|da|z|k|a)?sh(?![\w./])", re.IGNORECASE)
_SOCAT_CONNECT = re.compile(r"\b(?:tcp[46]?|udp[46]?|openssl|ssl)(?:-connect)?:", re.IGNORECASE)
_SEPARATORS = re.compile(r"&&|\|\||[;\n]")
_PIPE = re.compile(r"(?<![|>])\|&?(?!\|)")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_NESTED = re.compile(r"(?:^|[\s(;&|])(?:(?:ba|da|z|k|a)?sh[ \t]{1,8}-\w{0,6}c|eval)[ \t]")
_SUBSTITUTED = re.compile(
    r"(?:(?<![\w./-])(?:ba|da|z|k|a)?sh(?:[ \t]{1,8}-\w{1,8}){0,3}|(?<![\w./-])(?:source|eval|\.))[ \t]{1,8}[\"']?"
    r"(?:<\(|\$\(|`)[ \t]{0,8}(?:curl|wget)[ \t]"
)
_STRATUM = re.compile(r"\bstratum[12]?\+(?:tcp|ssl|tls|tcps|udp)://[\w\[-]", re.IGNORECASE)
_URL_HOST = re.compile(
    r"\b(?:https?|ftp)://(?:[^\s/@\"']{1,128}@)?(\d{1,3}(?:\.\d{1,3}){3})(?=[:/\s\"'|)]|\Z)"
)
_LITERAL = re.compile(r"[A-Za-z0-9+/]{16,16384}={0,2}")


@attrs.frozen
class LineHit:
    """One suspicious line: kind of indicator, strength, what it looks like, line number from 1, and its text."""

    kind: str
    strength: Strength
    message: str
    line: int
    text: str


def has_markers(data: bytes) -> bool:
    """Tell whether `find_lines` could find anything at all: a cheap look before the text is taken apart."""
    return bool(_MARKERS.search(data))


def find_lines(text: str, *, is_shell: bool, nested: bool = False) -> Iterator[LineHit]:
    """
    Yield the suspicious lines of a text; comments are ignored.

    ``is_shell`` says that the text is read by a shell; otherwise what is innocent in a message (``curl … | sh``) is left
    out. ``nested`` is for what was decoded from base64 inside a line.
    """
    sockets: set[str] = set()
    for number, line in logical_lines(text):
        if not _LINE_MARKERS.search(line) and not sockets:
            continue
        sockets.update(_NET_DESCRIPTOR.findall(line))
        for kind, strength, message in _judge(line, sockets, is_shell=is_shell, nested=nested):
            yield LineHit(kind, strength, message, number, shorten(line.strip()))


_Judged = tuple[str, Strength, str]


def _judge(line: str, sockets: set[str], *, is_shell: bool, nested: bool) -> Iterator[_Judged]:
    if _STRATUM.search(line):
        yield "mining-pool", Strength.HIGH, "the address of a mining pool"
    message = _reverse_shell(line, sockets)
    if message:
        yield "reverse-shell", Strength.HIGH, message
        return
    pipelines = [_PIPE.split(part) for part in _SEPARATORS.split(line)]
    for stages in pipelines:
        commands = [split_words(stage) for stage in stages]
        judged = _netcat(commands) or _pipe_to_shell(stages, commands, nested=nested)
        if judged and (
            judged[1] is Strength.HIGH or judged[0] == "reverse-shell" or (is_shell and _outside_quotes(line))
        ):
            yield judged
    if is_shell and _SUBSTITUTED.search(line):
        yield "download-to-shell", Strength.LOW, "a download is run by a shell without being looked at"


def _reverse_shell(line: str, sockets: set[str]) -> str:
    """Return what a line is that has no innocent reading, else an empty text."""
    for part in _SEPARATORS.split(line):
        if _NET_REDIRECT.search(part) and _INTERACTIVE.search(part):
            return "an interactive shell is connected to a network address"
        if _NET_REDIRECT.search(part) and _INPUT_IS_OUTPUT.search(part) and is_bare_shell(split_words(part)):
            return "a shell's input and output are a network connection"
    for pattern in (_SHELL_ON_DESCRIPTOR, _LOOP_ON_DESCRIPTOR):
        if any(number in sockets for number in pattern.findall(line)):
            return "a shell takes its commands from a network connection"
    if _is_script_one_liner(line):
        return "a one-line program connects a shell to a network address"
    return ""


def _is_script_one_liner(line: str) -> bool:
    if "/bin/sh" not in line and "/bin/bash" not in line and "pty.spawn" not in line and '"-i"' not in line:
        return False
    if "python" in line or "import" in line:
        return all(word in line for word in ("socket", ".connect(", "dup2(", ".fileno()"))
    if "perl" in line:
        return (
            "Socket" in line
            and "connect(" in line
            and ("STDIN" in line or "fdopen" in line)
            and "exec" in line
        )
    return "fsockopen(" in line and bool(re.search(r"<&\d", line))


def _netcat(commands: list[list[str]]) -> _Judged | None:
    """Judge netcat that starts a shell, and pipelines in which a shell's input and output go over the network."""
    for words in commands:
        if words and base_name(words[0]) in NETCATS and (judged := _netcat_runs_shell(words)):
            return judged
        if words and base_name(words[0]) == "socat" and (judged := _socat_runs_shell(" ".join(words))):
            return judged
    talkers = [number for number, words in enumerate(commands) if _talks(words)]
    shells = [number for number, words in enumerate(commands) if is_bare_shell(words)]
    if not talkers or not shells or len(commands) < 2:
        return None
    if _loops(commands) or (len(talkers) > 1 and talkers[0] < shells[0] < talkers[-1]):
        return "reverse-shell", Strength.HIGH, "a shell's input and output go over a network connection"
    return "reverse-shell", Strength.LOW, "a shell is piped to or from a network connection"


def _talks(words: list[str]) -> bool:
    name = base_name(words[0]) if words else ""
    return name in NETCATS | {"telnet", "socat"} or (name == "openssl" and "s_client" in words)


def _netcat_runs_shell(words: list[str]) -> _Judged | None:
    for number in range(1, len(words) - 1):
        option, program = words[number : number + 2]
        short = option[:1] == "-" and option[1:2] != "-" and option[-1] in "ec"
        if not (short or option in {"--exec", "--sh-exec"}) or not SHELL_WORD.match(program):
            continue
        rest = [word for word in words[number + 2 :] if word[0] not in "-<>&#" and not word.isdigit()]
        listens = any(word[0] == "-" and "l" in word for word in words[1:])
        # `nc -l -e /bin/sh answer.sh` (busybox) serves a script, not a shell.
        serves = bool(rest) if listens else any("/" in word for word in rest)
        strength = Strength.LOW if serves else Strength.HIGH
        return "reverse-shell", strength, "netcat gives a shell to whoever is at the other end"
    return None


def _socat_runs_shell(text: str) -> _Judged | None:
    if not _SOCAT_SHELL.search(text):
        return None
    if _SOCAT_CONNECT.search(text):
        return "reverse-shell", Strength.HIGH, "socat connects a shell to a network address"
    return "reverse-shell", Strength.LOW, "socat starts a shell"


def _loops(commands: list[list[str]]) -> bool:
    """Tell whether a pipeline reads from the file that it writes to: a named pipe that closes the circle."""
    written, read = set(), set()
    for words in commands:
        plain = [word.lstrip("012") if word[:1] in "012" else word for word in words]
        for word, after in zip(plain, [*plain[1:], ""], strict=True):
            name = word.lstrip("<>") or after
            if word.startswith(">") and not word.startswith(">&"):
                written.add(name)
            elif word.startswith("<") or (plain[0] in {"cat", "tail"} and not word.startswith("-")):
                read.add(name)
    return bool(written & read)


def _pipe_to_shell(stages: list[str], commands: list[list[str]], *, nested: bool) -> _Judged | None:
    """Judge pipelines that end in a shell: what they run comes from a download or from base64."""
    at = next((number for number, words in enumerate(commands) if number and is_bare_shell(words)), None)
    if at is None:
        return None
    before = commands[:at]
    downloads = any(words and base_name(words[0]) in {"curl", "wget"} for words in before)
    decodes = any(words and base_name(words[0]) == "base64" and _decodes(words) for words in before)
    if downloads and decodes:
        return "download-to-shell", Strength.HIGH, "a download is decoded from base64 and run by a shell"
    if downloads and (host := _public_address("|".join(stages[:at]))):
        return (
            "download-from-address",
            Strength.HIGH,
            f"a download from the bare address {host} is run by a shell",
        )
    if downloads:
        return "download-to-shell", Strength.LOW, "a download is run by a shell without being looked at"
    if decodes:
        strength = Strength.HIGH if not nested and _hides_something("|".join(stages[:at])) else Strength.LOW
        return "encoded-to-shell", strength, "text is decoded from base64 and run by a shell"
    return None


def _decodes(words: list[str]) -> bool:
    return any(
        word in {"--decode", "-D"} or (word[:1] == "-" and word[1:2] != "-" and "d" in word)
        for word in words[1:]
    )


def _hides_something(text: str) -> bool:
    """Tell whether base64 in the text hides a line that is suspicious in itself."""
    for literal in _LITERAL.findall(text):
        try:
            decoded = base64.b64decode(literal + "=" * (-len(literal) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if any(find_lines(decoded.decode("utf-8", "replace"), is_shell=True, nested=True)):
            return True
    return False


def _public_address(text: str) -> str:
    """Return the first URL's host that is a bare public IP address; inside networks bare addresses are ordinary."""
    for host in _URL_HOST.findall(text):
        try:
            if ipaddress.IPv4Address(host).is_global:
                return str(host)
        except ValueError:
            continue
    return ""


def _outside_quotes(line: str) -> bool:
    """Tell whether the line also pipes outside of quotes, or runs what it quotes."""
    return bool(_NESTED.search(line)) or "|" in _QUOTED.sub('""', line)
