"""What the analyzers declare to be wanted is kept of the files that are meant, and of no others."""

from __future__ import annotations

import pytest

from imagespec.analyzers.wanted import Wanted, compile_wanted

_CONFIGURATIONS = Wanted(
    names=frozenset(("app.conf",)), suffixes=(".ini",), directories=("/etc/app",), head_bytes=10
)
_LIBRARIES = Wanted(suffixes=(".so",), infixes=(".so.",), inside=("/lib",), head_bytes=20)
_SCRIPTS = Wanted(executables=True, outside=("/share/",), up_to_bytes=100, head_bytes=30)


@pytest.mark.parametrize(
    ("name", "size", "mode", "kept"),
    [
        ("srv/app.conf", 5, 0o644, 10),
        ("app.conf", 5, 0o644, 10),
        ("srv/my-app.conf", 5, 0o644, 0),
        ("srv/x.ini", 5, 0o644, 10),
        ("srv/x.ini.bak", 5, 0o644, 0),
        ("etc/app/any", 5, 0o644, 10),
        ("etc/application", 5, 0o644, 10),  # nothing is compared behind a directory
        ("fetc/app", 5, 0o644, 0),
        ("usr/lib/libz.so", 5, 0o644, 20),
        ("usr/lib/libz.so.1.2", 5, 0o644, 20),
        ("usr/lib/x.so.d/file", 5, 0o644, 0),
        ("opt/z.so.1", 5, 0o644, 0),
        ("bin/run", 100, 0o100, 30),
        ("bin/run", 101, 0o755, 0),
        ("usr/share/run", 5, 0o755, 0),
        ("usr/share/app.conf", 5, 0o755, 10),
        ("bin/app.conf", 5, 0o755, 30),  # the most that anybody wants
    ],
)
def test_files_that_are_meant(name: str, size: int, mode: int, kept: int) -> None:
    table = (_CONFIGURATIONS, _LIBRARIES, _SCRIPTS)
    assert compile_wanted(table)(name.encode(), size, mode) == kept
    assert max(compile_wanted((item,))(name.encode(), size, mode) for item in table) == kept


def test_nothing_is_kept_when_nobody_wants_anything() -> None:
    assert compile_wanted(())(b"etc/passwd", 5, 0o777) == 0
