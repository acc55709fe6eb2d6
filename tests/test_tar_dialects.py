"""Every row of the catalogue of hostile and odd tar streams: the members, the error, the findings."""

from __future__ import annotations

import pytest

from imagespec.errors import LimitError, TarError
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.tar import LayerIndex, Scanner
from tests.build import scan
from tests.hostile_tars import Case, catalogue
from tests.readers import reader  # noqa: F401 - every test here runs under both implementations

CASES = catalogue()
READ = [case for case in CASES if case.error is None]
REFUSED = [case for case in CASES if case.error is not None]


def describe(index: LayerIndex) -> tuple[str, ...]:
    """Return the members in the catalogue's notation."""
    lines = []
    for number, name in enumerate(index.iter_names()):
        kind, size = index.typeflag(number).decode("latin-1"), index.sizes[number]
        text = repr(name)[2:-1]
        lines.append(("" if kind == "0" else kind + ":") + text + ("" if size in (0, 4) else f"[{size}]"))
    return tuple(lines)


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def read(case: Case) -> tuple[Scanner, LayerIndex]:
    scanner = Scanner(Limits(), lambda _name, size, _mode: size)
    assert scanner.feed(case.raw, 0) >= len(case.raw)
    return scanner, scanner.close(len(case.raw))


@pytest.mark.parametrize("case", READ, ids=[case.id for case in READ])
def test_row_is_read(case: Case) -> None:
    scanner, index = read(case)
    assert describe(index) == case.members
    assert {finding.code for finding in scanner.findings} == case.findings


@pytest.mark.parametrize("case", REFUSED, ids=[case.id for case in REFUSED])
def test_row_is_refused(case: Case) -> None:
    with pytest.raises((TarError, LimitError)) as caught:
        read(case)
    error = caught.value
    assert isinstance(error, TarError | LimitError)
    assert case.error == (error.code if isinstance(error, TarError) else "limit." + error.limit)
    if isinstance(error, TarError):
        assert 0 <= error.offset <= len(case.raw)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("T1701_name_dotdot", "fs.path-escape"),
        ("T1703_name_mid_dotdot", "fs.path-escape"),
        ("T1719_name_wh", "fs.whiteout-empty"),
        ("T180_hardlink_self", "fs.hardlink-broken"),
        ("T182_hardlink_cycle", "fs.hardlink-broken"),
        ("T188_dup_paths", "fs.duplicate-path"),
        ("T189_root_symlink_dot", "fs.root-not-a-directory"),
    ],
)
def test_row_in_the_merged_view(row: str, code: str) -> None:
    view = RootFs([scan(next(case.raw for case in CASES if case.id == row))])
    assert code in {finding.code for _, finding in view.findings}


def test_names_at_the_root_and_through_links() -> None:
    raws = {case.id: case.raw for case in CASES}
    assert RootFs([scan(raws["T1700_name_abs"])]).lookup("etc/passwd")
    assert RootFs([scan(raws["T1701_name_dotdot"])]).lookup("etc/passwd")
    assert RootFs([scan(raws["T183_symlink_loop"])]).resolve("x") is None
    assert RootFs([scan(raws["T186_write_through_symlink"])]).lookup("var/pwned/pwn")
    assert RootFs([scan(raws["T1706_name_empty"])]).lookup("b.txt")


def test_findings_know_their_place() -> None:
    raw = next(case.raw for case in CASES if case.id == "T013_garbage_after_eoa")
    scanner = Scanner(Limits())
    scanner.feed(raw, 0)
    scanner.close(len(raw))
    assert [finding.offset for finding in scanner.findings] == [raw.index(b"junk")]
