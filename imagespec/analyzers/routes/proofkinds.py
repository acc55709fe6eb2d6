"""What an expression of a request handler may stand for, as far as its text and the program's own values tell."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from imagespec.analyzers.python.values import (
    Call,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Member,
    Module,
    Table,
    Value,
    name_of,
    root_of,
)

_PARTS = 200
_DEPTH = 5
_WEIGHT = 500


@attrs.frozen
class Kind:
    """
    A kind of value.

    ``name`` is ``text``, ``bytes``, ``number``, ``bool``, ``none``, ``optional`` (a text or None), ``time`` (a date, time
    or difference), ``list``, ``tuple``, ``set``, ``dict``, ``lines`` (something to go through once), ``answer`` (a response
    of a framework), ``coroutine``, ``own`` (of the program: ``value``), ``foreign`` (what another library gives, taken
    to be what its caller expects) or ``any``.
    """

    name: str
    value: Value | None = None
    parts: tuple[Kind, ...] = ()
    """Known items of a list or tuple."""
    entries: Mapping[str, Kind] = {}
    """Known entries of a dict."""
    whole: bool = False
    """Whether ``parts`` or ``entries`` are all that there is."""
    weight: int = attrs.field(default=1, eq=False)
    """Kinds that it is made of; shared ones count each time."""

    @property
    def source(self) -> str:
        """Return the dotted name of what a foreign value comes from; empty where it is none."""
        return name_of(self.value) if self.name == "foreign" and self.value is not None else ""


ANY, ANSWER, FOREIGN = Kind("any"), Kind("answer"), Kind("foreign")
TEXT, BYTES, NUMBER, BOOL, NONE = Kind("text"), Kind("bytes"), Kind("number"), Kind("bool"), Kind("none")
OPTIONAL, TIME, LINES, COROUTINE = Kind("optional"), Kind("time"), Kind("lines"), Kind("coroutine")
LIST, DICT, SET = Kind("list"), Kind("dict"), Kind("set")


def boxed(
    name: str, parts: tuple[Kind, ...] = (), entries: Mapping[str, Kind] | None = None, *, whole: bool
) -> Kind:
    """Return the kind of a container; one that is made of too many is known by its name only, so that none grows without end."""
    inner = [*parts, *(entries or {}).values()]
    weight = 1 + sum(item.weight for item in inner)
    return Kind(name) if weight > _WEIGHT else Kind(name, None, parts, entries or {}, whole, weight)


def kind_of(value: Value | None, depth: int = _DEPTH) -> Kind:
    """Return the kind of a value of the program, as it was followed up to serving."""
    match value:
        case Const():
            return constant_kind(value)
        case Items():
            parts = tuple(kind_of(item, depth - 1) for item in value.items[:_PARTS]) if depth else ()
            whole = not value.open and len(parts) == len(value.items)
            return Kind(value.kind, None, parts if whole else (), {}, whole)
        case Table():
            rows = list(value.entries.items())[:_PARTS] if depth else []
            texts = {key: kind_of(item, depth - 1) for key, item in rows if isinstance(key, str)}
            return Kind("dict", None, (), texts, not value.open and len(texts) == len(value.entries))
        case Instance() | Class() | Function() | Module():
            return Kind("own", value)
        case External():
            return Kind("foreign", value)
        case Call() if value.subclass is None:
            return STANDARD.get(value.name, Kind("foreign", value))
        case Member() if isinstance(root_of(value), Call | External):
            return Kind("foreign", value)
        case Call():
            return Kind("own", value)
    return ANY


def constant_kind(value: Const) -> Kind:
    """Return the kind of a constant."""
    match value.value:
        case None:
            return NONE
        case bool():
            return Kind("bool", value)
        case str():
            return Kind("text", value)
        case bytes():
            return Kind("bytes", value)
        case int() | float():
            return Kind("number", value)
    return ANY


def join_kinds(first: Kind, second: Kind) -> Kind:
    """Return what something is that is one or the other."""
    if first == second:
        return first
    names = {first.name, second.name}
    if names <= {"text", "none", "optional"}:
        return TEXT if names == {"text"} else OPTIONAL
    if len(names) > 1 or first.name == "own":
        return ANY
    if first.name == "dict":
        both = {
            name: join_kinds(kind, second.entries[name])
            for name, kind in first.entries.items()
            if name in second.entries
        }
        return Kind("dict", None, (), both)
    return Kind(first.name, first.value if first.name == "foreign" else None)


def number_of(kind: Kind) -> float | None:
    """Return a number's value; None where it is not known."""
    value = kind.value.value if isinstance(kind.value, Const) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text_in(kind: Kind) -> str | None:
    """Return a text's value; None where it is not known."""
    value = kind.value.value if isinstance(kind.value, Const) else None
    return value if isinstance(value, str) else None


STANDARD: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "time.time", "time.perf_counter", "time.monotonic", "time.process_time", "os.getpid", "os.cpu_count",
            "random.random", "random.randint", "time.time_ns", "os.getppid", "threading.active_count", "threading.get_ident",
            "math.floor", "math.ceil",
        ),
        NUMBER,
    ),
    **dict.fromkeys(
        (
            "platform.node", "platform.python_version", "platform.platform", "platform.system", "platform.machine",
            "platform.release", "platform.processor", "socket.gethostname", "os.getcwd", "time.strftime", "time.ctime",
            "time.asctime", "os.uname().nodename", "platform.version", "socket.getfqdn", "traceback.format_exc",
        ),
        TEXT,
    ),
    **dict.fromkeys(
        (
            "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today", "datetime.datetime.today",
            "datetime.timedelta",
        ),
        TIME,
    ),
    **dict.fromkeys(("uuid.uuid4", "uuid.uuid1", "uuid.uuid4().hex"), TEXT),
    **dict.fromkeys(("os.uname", "os.times", "time.localtime", "time.gmtime", "logging.getLogger", "threading.current_thread",
        "threading.Lock", "threading.RLock", "os.getloadavg", "sys.exc_info", "gc.collect", "gc.get_count", "threading.enumerate",
        "contextlib.suppress", "contextlib.nullcontext", "io.StringIO", "io.BytesIO", "random.choice", "collections.OrderedDict",
        "collections.defaultdict", "collections.Counter", "asyncio.Lock", "asyncio.sleep", "resource.getrusage", "time.sleep"), FOREIGN),
}  # fmt: skip
"""What functions of the standard library give that do not fail, whatever they are called with here."""


def is_finite(kind: Kind) -> bool:
    """Tell whether a number is known to be no number that JSON lacks, or is not known."""
    number = number_of(kind)
    return number is None or math.isfinite(number)
