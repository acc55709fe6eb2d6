"""Programs that start another program: which words are theirs, and what they change for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

Words = tuple[str | None, ...]
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@attrs.frozen(kw_only=True)
class Spec:
    """The command line of a wrapper: options, ``operands`` words, then the program and its arguments."""

    short: str = ""
    """Letters of options that take an argument."""
    long: frozenset[str] = frozenset()
    """Long options that take an argument; ``--name=argument`` is always understood."""
    operands: int = 0
    forks: str = ""
    """Letters of options that let the program run in the background."""
    hides: bool = False
    """What the program finds on PATH, or where its output goes, is not the wrapper's own."""


def _long(text: str) -> frozenset[str]:
    return frozenset("--" + name for name in text.split())


SPECS: Mapping[str, Spec] = {
    # GNU coreutils 9.4, util-linux 2.39, and the option tables in the sources of the small init programs.
    "nohup": Spec(),
    "nice": Spec(short="n", long=_long("adjustment")),
    "ionice": Spec(short="cnPpu", long=_long("class classdata")),
    "chrt": Spec(short="TPD", operands=1),
    "taskset": Spec(operands=1),
    "numactl": Spec(short="iNmCMp", long=_long("interleave cpunodebind physcpubind membind preferred")),
    "time": Spec(short="of", long=_long("output format")),
    "timeout": Spec(short="ks", long=_long("kill-after signal"), operands=1),
    "stdbuf": Spec(short="ioe", long=_long("input output error")),
    "setsid": Spec(forks="f"),
    "tini": Spec(short="pe"),
    "tini-static": Spec(short="pe"),
    "docker-init": Spec(short="pe"),
    "catatonit": Spec(),
    "dumb-init": Spec(short="r", long=_long("rewrite")),
    "gosu": Spec(operands=1),
    "su-exec": Spec(operands=1),
    "catchsegv": Spec(),
    "unbuffer": Spec(),
    "setpriv": Spec(
        long=_long(
            "reuid regid ruid rgid euid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig "
            "selinux-label apparmor-profile"
        )
    ),
    "runuser": Spec(short="ugG", long=_long("user group supp-group")),
    "sudo": Spec(short="ugCDhpRrTtU", long=_long("user group"), hides=True),
    "conda": Spec(short="np", long=_long("name prefix cwd"), operands=1, hides=True),
    "micromamba": Spec(short="npr", long=_long("name prefix cwd root-prefix"), operands=1, hides=True),
}

NOT_FOLLOWED = frozenset(
    "xargs parallel watch chroot unshare nsenter script flock ssh strace ltrace gdb start- "  # noqa: SIM905 - one word a line is no better
    "stop-daemon mpirun mpiexec s6-svscan s6-setuidgid runsvdir chpst setuidgid poetry pipenv pdm uv "
    "hatch make expect sshpass crond cron fakeroot systemd init runit multirun supervise svscan".split()
)
"""Programs that may start others in ways that are not followed here; supervisord is followed by its configuration."""


@attrs.frozen(kw_only=True)
class Unwrapped:
    """What a wrapper starts, and the changes it makes first; ``words`` None when that is not understood."""

    words: Words | None
    assign: tuple[tuple[str, str | None], ...] = ()
    unset: tuple[str, ...] = ()
    clear: bool = False
    """The environment starts empty."""
    cwd: str | None = None
    background: bool = False
    hides: bool = False
    user: str | None = None
    """Whom the program runs as, where that is plain."""
    own: Words = ()
    """The wrapper's own words."""


def unwrap(name: str, words: Words) -> Unwrapped | None:
    """Return what ``words``, whose program is called ``name``, start; None when that is no wrapper."""
    if name == "env":
        return _unwrap_env(words)
    spec = SPECS.get(name)
    if spec is None:
        return None
    if name in {"conda", "micromamba"} and words[1:2] != ("run",):
        return None
    rest = words[2:] if spec.hides and spec.operands else words[1:]
    at, letters = _skip_options(rest, spec)
    at += 0 if spec.hides else spec.operands
    inner = rest[at:]
    if inner[:1] == ("--",):
        inner = inner[1:]
    if at > len(rest) or None in rest[:at]:
        return Unwrapped(words=None)
    return Unwrapped(
        words=inner,
        background=any(letter in letters for letter in spec.forks),
        hides=spec.hides,
        user=_user(name, rest[:at]),
        own=(words[0], *rest[:at]),
    )


def _user(name: str, words: Words) -> str | None:
    """Return the user that a program is told to run another as; None where it tells none or in another way."""
    plain = [word or "" for word in words]
    if name in {"gosu", "su-exec"}:
        return plain[0].partition(":")[0] or None if plain else None
    options = {"runuser": ("-u", "--user"), "sudo": ("-u", "--user"), "setpriv": ("--reuid", "--ruid")}.get(
        name, ()
    )
    for option, value in zip(plain, [*plain[1:], ""], strict=False):
        if option in options:
            return value.removeprefix("#") or None
        if option.partition("=")[0] in options:
            return option.partition("=")[2] or None
    return None


def _skip_options(words: Words, spec: Spec) -> tuple[int, str]:
    """Return where the options end, and the letters of the short ones."""
    at, letters = 0, ""
    while at < len(words):
        word = words[at]
        if word is None or not word.startswith("-") or word == "-":
            break
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            at += word in spec.long
            continue
        taking = next((i for i, letter in enumerate(word[1:], 1) if letter in spec.short), 0)
        letters += word[1:]
        at += bool(taking) and taking == len(word) - 1
    return at, letters


def _unwrap_env(words: Words) -> Unwrapped:
    """Return what env(1) starts: GNU coreutils 9.4, "env invocation"."""
    env = _Env(list(words[1:]))
    while env.rest and env.takes_option():
        pass
    if not env.understood:
        return Unwrapped(words=None)
    assign: list[tuple[str, str | None]] = []
    while env.rest and (word := env.rest[0]) is not None and _ASSIGNMENT.match(word):
        name, _, value = word.partition("=")
        assign.append((name, value))
        del env.rest[0]
    return Unwrapped(
        words=tuple(env.rest), assign=tuple(assign), unset=tuple(env.unset), clear=env.clear, cwd=env.cwd
    )


class _Env:
    """The options of an env command line, taken from the front of ``rest`` one by one."""

    def __init__(self, rest: list[str | None]) -> None:
        self.rest = rest
        self.understood = True
        self.clear = False
        self.unset: list[str] = []
        self.cwd: str | None = None

    def takes_option(self) -> bool:
        """Take one option; False where there is none, or none that is understood."""
        word = self.rest[0]
        if word is None or not word.startswith("-"):
            self.understood &= word is not None
            return False
        del self.rest[0]
        if word == "--":
            return False
        if word in {"-", "-i", "--ignore-environment"}:
            self.clear = True
        elif word.startswith(("-S", "--split-string")):
            split = _split_string(word, self.rest)
            self.understood &= split is not None
            self.rest = split or []
        elif word not in {"-v", "--debug", "-0", "--null"}:
            self._with_argument(word)
        return self.understood

    def _with_argument(self, word: str) -> None:
        option, equals, argument = word.partition("=")
        value = argument if equals else (self.rest.pop(0) if self.rest else None)
        if value is None or option not in {"-u", "--unset", "-C", "--chdir"}:
            self.understood = False
        elif option in {"-u", "--unset"}:
            self.unset.append(value)
        else:
            self.cwd = value


def _split_string(word: str, rest: Sequence[str | None]) -> list[str | None] | None:
    """Return the words of ``env -S``; None where it uses quotes or variables."""
    text = word.removeprefix("--split-string=") if word.startswith("--") else word[2:]
    if not text or text == word:
        if not rest or rest[0] is None:
            return None
        text, rest = rest[0], rest[1:]
    return None if any(char in text for char in "'\"\\$#") else [*text.split(), *rest]


def starts_others(words: Words) -> bool:
    """Tell whether a program may start others in a way that is not followed here."""
    name = (words[0] or "").rpartition("/")[2]
    if name == "find":
        return any(word is None or word.startswith(("-exec", "-ok")) for word in words)
    return name in NOT_FOLLOWED
