"""
Whether a small tool succeeds (POSIX utilities; coreutils 9.1, grep 3.8, sed 4.9, procps 4.0).

What ``&&`` and ``set -e`` make of a tool hangs on its status, so each tool is weighed by what it needs: the files that it
reads, the directories that it writes to, the users that it names. `Status.LIKELY` is a success that nothing in the image
speaks against, `Status.NONZERO` a failure that is certain, `Status.UNKNOWN` all the rest.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping

from imagespec.analyzers.reading import read_whole
from imagespec.analyzers.shell.accounts import ROOT, find_account
from imagespec.analyzers.shell.sinks import absolute
from imagespec.analyzers.shell.state import State, Status
from imagespec.analyzers.shell.substitutions import expression
from imagespec.analyzers.startup import tools
from imagespec.analyzers.startup.filechances import TOOLS, all_of, operands, options_of
from imagespec.analyzers.startup.places import FROM_HOST, Places
from imagespec.analyzers.startup.walk import Walk

Words = tuple[str | None, ...]
_LIMIT_LINE = 500
_LIMIT_BYTES = 64 << 10  # of a file in which grep looks
_ALWAYS = frozenset(
    "arch basename date df dirname echo envsubst free getconf getopt groups hostname ip ifconfig locale lscpu nproc "  # noqa: SIM905 - one word a line is no better
    "printf ps pwd seq sleep sync tr true umask uname uptime whoami zip".split()
)
"""Tools that do not fail in ordinary use without a word that asks for it."""
_ASKS = {
    "date": ("-d", "-s", "-f", "-r", "--date", "--set", "--file", "--reference"),
    "hostname": ("-f", "-d", "-F", "-b", "--fqdn", "--domain", "--file"),
    "ip": ("add", "set", "del", "replace", "netns"),
    "ifconfig": ("up", "down", "add"),
    "df": ("/",),
    "seq": (),
}
"""Words, or beginnings of words, with which they may."""
_READERS: Mapping[str, str] = {
    "cat": "", "head": "nc", "wc": "", "sort": "ktoST", "cut": "dfcb", "od": "AjNtw", "hexdump": "nse", "base64": "w",
    "md5sum": "", "sha1sum": "", "sha256sum": "", "ls": "IwT", "stat": "c", "file": "fm", "du": "d", "realpath": "",
    "zcat": "", "gunzip": "", "gzip": "S", "paste": "d", "xxd": "lscg", "uniq": "fsw", "find": "", "comm": "", "nl": "bnw",
    "split": "abln", "jq": "", "readlink": "", "dos2unix": "",
}  # fmt: skip
"""Tools that need the files that they are given, and the letters of their options that take an argument."""


def chance(name: str, words: Words, state: State, walk: Walk) -> Status:
    """Return how a tool that ends by itself does end; what it makes is kept book of."""
    if name == "false":
        return Status.NONZERO
    if tools.may_refuse(words):
        return Status.UNKNOWN
    if tools.only_tells(words):
        return Status.LIKELY
    weigh = _TOOLS.get(name)
    if weigh is not None:
        return _status(weigh(words, state, walk))
    if name in _ALWAYS:
        asks = _ASKS.get(name, ())
        texts = [word or "?" for word in words[1:]]
        asked = any(
            text == ask or (ask[0] in "-/" and text.startswith(ask)) for text in texts for ask in asks
        )
        return Status.UNKNOWN if asked else Status.LIKELY
    if name in _READERS:
        return _status(_read(name, words, Places(state, walk)))
    return Status.UNKNOWN


def _status(truth: bool | None) -> Status:  # noqa: FBT001 - a truth of three values
    return Status.UNKNOWN if truth is None else Status.LIKELY if truth else Status.NONZERO


def _read(name: str, words: Words, places: Places) -> bool | None:
    options = options_of(words)
    if options & {"--check", "--exit-status"} or (name.endswith("sum") and "c" in options):
        return None
    if name == "jq":
        return None if "e" in options else all_of(map(places.readable, operands(words)[1:]))
    files = operands(words, _READERS[name])
    if name == "find":
        files = files[
            : next((i for i, word in enumerate(words[1:]) if (word or "").startswith(("-", "("))), None)
        ]
    if name == "readlink":
        return True if options & {"f", "m"} else None
    return all_of(places.readable(word) for word in files if word != "-")


def _awk(words: Words, state: State, walk: Walk) -> bool | None:
    files = [word for word in operands(words, "Fvf")[1:] if word is None or "=" not in word]
    return all_of(map(Places(state, walk).readable, files))


def _which(words: Words, state: State, walk: Walk) -> bool | None:
    path = state.variables.get("PATH", "")
    if path is None or None in words or walk.touched_widely:
        return None
    names = operands(words)
    if any(FROM_HOST.search(name or "") for name in names):
        return None
    return all(walk.rootfs.which(name or "", path or None, state.cwd or "/") for name in names) and bool(
        names
    )


def _id(words: Words, _state: State, walk: Walk) -> bool | None:
    names = operands(words)
    if not names:
        return True
    known = all(name is not None and (name in ROOT or find_account(name, walk.rootfs)) for name in names)
    return True if known else None


def _grep(words: Words, state: State, walk: Walk) -> bool | None:
    """Weigh grep for a simple pattern in files of known text."""
    options, (pattern, *files) = options_of(words), operands(words, "ABCmef") or [None]
    known = set("qisFEGnHhlo") | {"--quiet", "--silent", "--color"}
    if pattern is None or not files or not options <= known or "\n" in pattern:
        return None
    fixed = "F" in options or words[0] == "fgrep"
    extended = "E" in options or words[0] == "egrep"
    wanted = re.escape(pattern) if fixed else expression(pattern, extended=extended)
    texts = [_text(word, state, walk) for word in files]
    if wanted is None or not pattern or None in texts:
        return None
    compiled = re.compile(wanted, re.IGNORECASE if "i" in options else 0)
    lines = [line for text in texts for line in (text or "").splitlines()]
    return None if any(len(line) > _LIMIT_LINE for line in lines) else any(map(compiled.search, lines))


def _text(word: str | None, state: State, walk: Walk) -> str | None:
    path = absolute(word, state.cwd) if word else None
    entry = walk.rootfs.resolve(path) if path is not None else None
    if entry is None or path is None or Places(state, walk).readable(word) is not True:
        return None
    if "/" + entry.path not in walk.files and (walk.touched_widely or walk.maybe_changed(path, entry.path)):
        return None
    if ("/" + entry.path).startswith(tuple(one.rstrip("/") + "/" for one in walk.spoiled)):
        return None
    data = read_whole(walk.rootfs, entry, _LIMIT_BYTES) if entry.member is not None else walk.text_of(entry)
    if data is None or not walk.afford(text := data.decode("utf-8", "replace")):
        return None
    return text


def _expr(words: Words, _state: State, _walk: Walk) -> bool | None:
    """Weigh a sum or difference of two numbers: a result of 0 is a failure."""
    match words[1:]:
        case (str(left), "+" | "-" | "*" as operator, str(right)) if re.fullmatch(
            r"[0-9]{1,9} [0-9]{1,9}", f"{left} {right}"
        ):
            first, second = int(left), int(right)
            return {"+": first + second, "-": first - second, "*": first * second}[operator] != 0
    return None


def _tar(words: Words, state: State, walk: Walk) -> bool | None:
    texts = [word or "?" for word in words[1:]]
    letters = texts[0].lstrip("-") if texts else ""
    if "x" not in letters or not letters.endswith("f") or len(texts) < 2 or state.user not in ROOT:
        return None
    places = Places(state, walk)
    folders = [texts[at + 1] for at, word in enumerate(texts[:-1]) if word in {"-C", "--directory"}]
    return all_of([places.readable(words[2]), *map(places.is_folder, folders)])


def _as_root(_words: Words, state: State, _walk: Walk) -> bool | None:
    return True if state.user in ROOT else None


def _openssl(words: Words, state: State, walk: Walk) -> bool | None:
    places = Places(state, walk)
    named = itertools.pairwise(words)
    return all_of(
        places.writable(value) if option in {"-out", "-keyout"} else places.readable(value)
        for option, value in named
        if option in {"-out", "-keyout", "-in", "-config", "-key"}
    )


def _printenv(words: Words, state: State, _walk: Walk) -> bool | None:
    known = state.environment()
    return True if all(word is not None and known.get(word) is not None for word in operands(words)) else None


_TOOLS: Mapping[str, Callable[[Words, State, Walk], bool | None]] = {
    **TOOLS,
    "awk": _awk,
    "which": _which,
    "id": _id,
    "grep": _grep,
    "egrep": _grep,
    "fgrep": _grep,
    "expr": _expr,
    "tar": _tar,
    "ldconfig": _as_root,
    "update-ca-certificates": _as_root,
    "openssl": _openssl,
    "printenv": _printenv,
    "env": lambda words, _state, _walk: True if len(words) == 1 else None,
    "mktemp": lambda words, _state, _walk: True if not operands(words, "pt") else None,
}
