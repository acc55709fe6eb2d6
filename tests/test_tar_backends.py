"""The C function and its Python counterpart: equal for every input, sound whatever comes, chosen as documented."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagespec import tar
from imagespec.errors import ImageSpecError
from imagespec.limits import Limits
from imagespec.tar import FileSpan, Scanner, Want, backends
from imagespec.tar.index import IndexBuilder
from imagespec.tar.plain import MakeReader, Reader
from imagespec.tar.pure import PureReader
from tests.hostile_tars import Case, catalogue
from tests.rawtar import BLOCK, END, GNU, header, long, member, pax
from tests.readers import MUST, native, python
from tests.test_tar_cutting import Outcome
from tests.test_tar_differential import SMALL, mutations

CASES = catalogue()
ROOT = Path(__file__).parent.parent


Way = Literal["feed", "hop", "descriptor"]
WAYS: tuple[Way, ...] = get_args(Way)


@attrs.frozen
class Plan:
    """How a stream is scanned."""

    limits: Limits = attrs.field(factory=Limits)
    want: Want | None = None
    cuts: tuple[int, ...] = ()
    way: Way = "feed"


def outcome(raw: bytes, reader: MakeReader, plan: Plan) -> Outcome:
    scanner = Scanner(plan.limits, plan.want, reader=reader)
    try:
        (feed if plan.way == "feed" else hop)(raw, scanner, plan)
        index = scanner.close(len(raw))
    except ImageSpecError as error:
        return Outcome(findings=tuple(scanner.findings), error=repr(error))
    columns = attrs.astuple(index, recurse=False)
    return Outcome(columns, tuple(scanner.findings), tuple(sorted(scanner.kept.items())))


def feed(raw: bytes, scanner: Scanner, plan: Plan) -> None:
    offset = wanted = 0
    for cut in sorted({*plan.cuts, len(raw)}):
        if cut > wanted:
            wanted = scanner.feed(raw[offset:cut], offset)
        offset = cut


def hop(raw: bytes, scanner: Scanner, plan: Plan) -> None:
    # The stream lies inside a file, with other bytes around it.
    bytes_around = b"x" * 1000 + raw + b"y" * 5000
    if plan.way == "descriptor":
        with tempfile.TemporaryFile() as file:
            file.write(bytes_around)
            file.flush()
            descriptor = file.fileno()
            _hop(FileSpan(partial(os.pread, descriptor), 1000, len(raw), descriptor), scanner)
    else:
        _hop(FileSpan(lambda size, at: bytes_around[at : at + size], 1000, len(raw)), scanner)


def _hop(file: FileSpan, scanner: Scanner) -> None:
    offset = 0
    while offset < file.size:
        before, offset = offset, scanner.hop(file, offset)
        assert offset > before


def check_equal(raw: bytes, plan: Plan) -> Outcome:
    expected = outcome(raw, python(), plan)
    assert outcome(raw, native(), plan) == expected
    return expected


def wants() -> st.SearchStrategy[Want | None]:
    lengths = st.sampled_from([1, 3, 100, 1 << 20])
    return st.none() | st.builds(
        lambda length, few: (
            lambda name, size, mode: length if not few or (size + mode + len(name)) % 2 else 0
        ),
        lengths,
        st.booleans(),
    )


LIMITS = st.builds(
    Limits,
    layer_members=st.sampled_from([1, 2, 3, 5, 2_000_000]),
    names_bytes=st.sampled_from([1, 10, 600, 1300, 1 << 29]),
    name_bytes=st.sampled_from([5, 255, 256, 1 << 16]),
    meta_header_bytes=st.sampled_from([0, 20, 1 << 20]),
    meta_header_chain=st.sampled_from([0, 1, 16]),
    kept_bytes=st.sampled_from([3, 150, 1 << 28]),
    kept_file_bytes=st.sampled_from([2, 1 << 23]),
    findings=st.sampled_from([1, 1000]),
)


@st.composite
def plans(draw: st.DrawFn, longest: int) -> Plan:
    cuts = draw(st.lists(st.integers(0, longest), max_size=6))
    limits = draw(st.just(Limits()) | LIMITS)
    return Plan(limits, draw(wants()), tuple(cuts), draw(st.sampled_from(WAYS)))


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_rows_are_equal(case: Case) -> None:
    raw = case.raw
    for way in WAYS:
        check_equal(raw, Plan(want=lambda _name, size, _mode: size, way=way))


PIECES = st.sampled_from([case.raw.removesuffix(END) for case in SMALL]) | st.sampled_from(
    [
        member(b"d" * 100, b"1" * 600, prefix=b"p" * 155),
        header(b"link", 0, b"2", link=b"t" * 100),
        pax((b"mtime", b"1600000000.123456789")) + member(b"timed", b"x"),
        pax((b"mtime", b"1.5"), (b"atime", b"2"), (b"ctime", b"-3.25")) + header(b"dir/", 0, b"5"),
        pax((b"path", b"long/" * 30 + b"name")) + member(b"cut", b"content"),
        pax((b"path", b"l" * 120), (b"linkpath", b"t" * 200)) + header(b"cut", 0, b"2", link=b"cut"),
        pax((b"path", b"n" * 256)) + member(b"cut"),
        pax((b"size", b"4"), (b"uname", b"somebody")) + member(b"sized", b"four"),
        pax((b"path", b"directory/")) + member(b"cut"),
        pax((b"SCHILY.xattr.user.a", b"v")) + member(b"attributed"),
        long(b"n" * 150 + b"\0") + member(b"n" * 100, magic=GNU),
        long(b"n" * 150) + header(b"n" * 100, 0, b"2", link=b"target", magic=GNU),
        long(b"a\0b") + member(b"tail", magic=GNU),
    ]
)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutations_are_equal(data: st.DataObject) -> None:
    raw = data.draw(mutations())
    check_equal(raw, data.draw(plans(len(raw))))


@settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_sequences_are_equal(data: st.DataObject) -> None:
    raw = b"".join(data.draw(st.lists(PIECES, max_size=12))) + data.draw(
        st.sampled_from([END, b"", bytes(BLOCK)])
    )
    plan = data.draw(plans(len(raw)))
    expected = check_equal(raw, plan)
    without_fast_path = outcome(raw, _slow, plan)
    assert without_fast_path == expected


def _slow(columns: IndexBuilder, most_meta: int) -> Reader:
    made = PureReader(columns, most_meta)
    made.capacity = 0
    return made


def test_more_members_than_a_batch_holds() -> None:
    parts = [member(b"f%d" % number, b"x" * (number % 1500)) for number in range(3000)]
    parts[500:500] = [pax((b"path", b"n" * (number % 255 + 1))) + member(b"cut") for number in range(1500)]
    raw = b"".join(parts) + END
    for way in WAYS:
        assert check_equal(raw, Plan(way=way)).columns
        assert check_equal(raw, Plan(want=lambda _name, size, _mode: size, way=way)).kept


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
@pytest.mark.parametrize("pick", [native, python])
def test_a_thrifty_hop_sees_the_same_members(case: Case, pick: Callable[[], MakeReader]) -> None:
    seen: list[tuple[object, ...]] = []
    for thrifty in (False, True):
        scanner = Scanner(Limits(), lambda _name, size, _mode: min(size, 9), reader=pick())
        file, offset = FileSpan(lambda size, at: case.raw[at : at + size], 0, len(case.raw)), 0
        try:
            while offset < file.size:
                offset = scanner.hop(file, offset, thrifty=thrifty)
            seen.append((attrs.astuple(scanner.close(file.size), recurse=False), scanner.kept))
        except ImageSpecError as error:
            seen.append((type(error), {}))
    assert seen[0] == seen[1]


# The C function itself.


def extension() -> ModuleType:
    native()
    return importlib.import_module("imagespec.tar._plain")


def new_batch() -> bytearray:
    from imagespec.tar.native import BATCH_BYTES  # noqa: PLC0415 - the extension may not be here

    batch = bytearray(BATCH_BYTES)
    state(batch)[5] = 2048
    return batch


def state(batch: bytearray) -> memoryview:
    return memoryview(batch)[:96].cast("q")


@pytest.mark.parametrize(
    "offsets", [(-1, 0, 0), (1, 0, 512), (0, 512, 0), (0, 0, 512), (0, 1 << 62, (1 << 62) + 1)]
)
def test_offsets_that_cannot_be(offsets: tuple[int, int, int]) -> None:
    module = extension()
    with pytest.raises(ValueError, match="offsets"):
        module.take(new_batch(), member(), *offsets, 9)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda batch: batch.append(0),
        lambda batch: state(batch).__setitem__(0, 513),
        lambda batch: state(batch).__setitem__(0, -1),
        lambda batch: state(batch).__setitem__(1, 1),
        lambda batch: state(batch).__setitem__(2, 1),
        lambda batch: state(batch).__setitem__(3, -1),
        lambda batch: state(batch).__setitem__(5, 4097),
        lambda batch: state(batch).__setitem__(7, -1),
        lambda batch: state(batch).__setitem__(7, 1 << 61),
        lambda batch: state(batch).__setitem__(8, 1 << 61),
        lambda batch: state(batch).__setitem__(9, -1),
        lambda batch: state(batch).__setitem__(9, 1),
        lambda batch: state(batch).__setitem__(10, (1 << 14) + (1 << 12) + 1),
        lambda batch: state(batch).__setitem__(11, 16385),
    ],
)
def test_batches_that_cannot_be(spoil: Callable[[bytearray], object]) -> None:
    module, batch = extension(), new_batch()
    spoil(batch)
    with pytest.raises(ValueError, match="batch"):
        module.take(batch, member(), 0, 0, 0, 9)


def test_arguments_that_cannot_be() -> None:
    take, batch = extension().take, new_batch()
    for arguments in (
        (),
        (batch, member(), 0, 0, 0),
        (bytes(batch), member(), 0, 0, 0, 9),
        (batch, "text", 0, 0, 0, 9),
        (batch, member(), 0, 0, None, 9),
    ):
        with pytest.raises((TypeError, BufferError)):
            take(*arguments)
    with pytest.raises(OverflowError):
        take(batch, member(), 0, 0, 1 << 64, 9)


def test_a_full_batch_takes_no_more() -> None:
    module, batch = extension(), new_batch()
    raw = member() * 600
    assert module.take(batch, raw, 0, 0, 0, 1 << 40)[2] == 512
    assert module.take(batch, raw, 0, 0, 0, 1 << 40) == (0, 0, 0, None)


def test_a_file_that_cannot_be_read_gives_nothing() -> None:
    # The caller reads at the same place, and so learns why.
    module, batch = extension(), new_batch()
    for descriptor in (-1, 1 << 30):
        state(batch)[6:9] = array("q", [descriptor, 0, 1 << 40])
        assert module.take(batch, None, 0, 0, 0, 9) == (0, 0, 0, None)


def test_two_instances_of_the_module() -> None:
    module = extension()
    spec = importlib.util.spec_from_file_location(module.__name__, module.__file__)
    assert spec
    assert spec.loader
    second = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(second)
    assert second is not module
    assert second.take(new_batch(), member(), 0, 0, 0, 9) == module.take(new_batch(), member(), 0, 0, 0, 9)


@pytest.mark.parametrize("pick", [native, python])
def test_nothing_leaks(pick: Callable[[], MakeReader]) -> None:
    raws = [case.raw for case in SMALL]
    reader = pick()

    def scan_all() -> int:
        for raw in raws:
            outcome(raw, reader, Plan(want=lambda _name, size, _mode: size))
        gc.collect()
        return sys.getallocatedblocks()

    scan_all()
    before = scan_all()
    after = [scan_all() for _ in range(5)][-1]
    assert after - before < 200  # less than one object for each call of one scan


# Choosing and building.


def test_backend_is_what_was_asked_for() -> None:
    setting = os.environ.get("IMAGESPEC_EXTENSION")
    assert tar.backend == {"1": "c", "0": "python"}.get(setting or "", tar.backend)
    assert backends.choose_backend("0")[0] == "python"
    if MUST:
        assert backends.choose_backend(None)[0] == "c"


def test_a_missing_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagespec.tar.native", None)
    assert backends.choose_backend(None)[0] == "python"
    with pytest.raises(ImportError):
        backends.choose_backend("1")


@pytest.mark.parametrize(
    ("setting", "compiler", "builds", "is_built"),
    [("", "/bin/false", True, False), ("1", "/bin/false", False, False), ("0", "/bin/false", True, False)],
)
def test_building(*, setting: str, compiler: str, builds: bool, is_built: bool, tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    environment = {name: value for name, value in os.environ.items() if name != "IMAGESPEC_EXTENSION"}
    environment |= {"CC": compiler} | ({"IMAGESPEC_EXTENSION": setting} if setting else {})
    words = [
        sys.executable,
        "setup.py",
        "-q",
        "build_ext",
        "-b",
        str(tmp_path / "out"),
        "-t",
        str(tmp_path / "tmp"),
    ]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert (done.returncode == 0) == builds
    assert any(tmp_path.glob("out/**/_plain*.so")) == is_built
