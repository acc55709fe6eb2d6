"""Shared libraries that a program needs, looked up as its loader would."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

import imagespec
from imagespec.analyzers.programs import libraries
from imagespec.analyzers.programs.elf import ElfError, parse_elf
from imagespec.analyzers.programs.elfdynamic import Dynamic, read_dynamic
from imagespec.analyzers.programs.libraries import Libraries, find_libraries
from imagespec.analyzers.wanted import compile_wanted
from imagespec.rootfs import RootFs
from tests.build import Item, Pipe, elf, file, layer, program, rootfs, scan, symlink
from tests.elffiles import LOADER, dynamic_elf
from tests.sampleimage import sample

MULTIARCH = "usr/lib/x86_64-linux-gnu"
DEBIAN = (program(f"{MULTIARCH}/ld-linux-x86-64.so.2"), symlink("lib64/ld-linux-x86-64.so.2", f"/{MULTIARCH}/ld-linux-x86-64.so.2"))  # fmt: skip
FEDORA = (program("usr/lib64/ld-linux-x86-64.so.2"), symlink("lib64", "usr/lib64"))
MUSL = (program("lib/ld-musl-x86_64.so.1"),)
ON_MUSL = "/lib/ld-musl-x86_64.so.1"
CACHE = "etc/ld.so.cache"


def find(*items: Item, path: str = "opt/app/bin/tool", search: str | None = None) -> Libraries:
    fs = rootfs(items)
    entry = fs.resolve(path)
    assert entry is not None
    return find_libraries(fs, entry, search)


def tool(*needed: str, **other: Any) -> Item:
    return program("opt/app/bin/tool", dynamic_elf(needed, **other))


def so(path: str, machine: int = 62) -> Item:
    return file(path, elf(machine))


NEEDS_X = tool("libx.so.1")
ORIGIN = tool("libx.so.1", runpath="$ORIGIN/../lib:${ORIGIN}/none")


@pytest.mark.parametrize(
    ("items", "search", "present"),
    [
        ((*DEBIAN, tool()), None, True),
        ((*DEBIAN, NEEDS_X, so(f"{MULTIARCH}/libx.so.1")), None, True),
        ((*DEBIAN, NEEDS_X, so(f"{MULTIARCH}/libx.so.1.2"), symlink(f"{MULTIARCH}/libx.so.1", "libx.so.1.2")), None, True),
        ((*DEBIAN, NEEDS_X, so("usr/lib/libx.so.1")), None, True),
        ((*DEBIAN, NEEDS_X), None, False),
        ((*DEBIAN, NEEDS_X, symlink("usr/lib/libx.so.1", "gone")), None, None),  # not certain that it is nowhere
        ((*FEDORA, NEEDS_X, so("usr/lib64/libx.so.1")), None, True),
        ((*FEDORA, NEEDS_X, so("usr/lib/libx.so.1")), None, None),
        # Another processor's library does not count, and another directory's may.
        ((*DEBIAN, NEEDS_X, so("usr/lib/libx.so.1", 183)), None, None),
        ((*DEBIAN, NEEDS_X, file("usr/lib/libx.so.1", "text")), None, None),
        ((*DEBIAN, NEEDS_X, so("opt/x/libx.so.1")), None, None),
        ((*DEBIAN, NEEDS_X, so("opt/x/libx.so.1")), "/opt/x", True),
        ((*DEBIAN, NEEDS_X, so("opt/x/libx.so.1"), file(CACHE, b"\0libx.so.1\0/opt/x/libx.so.1\0")), None, True),
        ((*DEBIAN, NEEDS_X, so("opt/x/libx.so.1"), file(CACHE, b"\0/opt/x/libx.so.11\0")), None, None),
        ((*DEBIAN, NEEDS_X, file(CACHE, b"\0/opt/x/libx.so.1\0")), None, False),  # a stale cache
        ((*DEBIAN, ORIGIN, so("opt/app/lib/libx.so.1")), None, True),
        ((*DEBIAN, tool("libx.so.1", rpath="/opt/x"), so("opt/x/libx.so.1")), None, True),
        # With DT_RUNPATH, DT_RPATH is not read.
        ((*DEBIAN, tool("libx.so.1", rpath="/opt/x", runpath="/opt/y"), so("opt/x/libx.so.1")), None, None),
        ((*DEBIAN, tool("libx.so.1", rpath="/opt/$LIB"), so("opt/lib/libx.so.1")), None, None),
        ((*DEBIAN, tool("libx.so.1", rpath=":lib"), so("lib/libx.so.1")), None, True),
        ((*DEBIAN, tool("libcuda.so.1")), None, None),  # put there when the container starts
        ((*DEBIAN, tool("/opt/x/libx.so.1"), so("opt/x/libx.so.1")), None, True),
        ((*DEBIAN, tool("ld-linux-x86-64.so.2")), None, True),
        ((*MUSL, tool("libc.musl-x86_64.so.1", "libpthread.so", interpreter=ON_MUSL)), None, True),
        ((*MUSL, tool("libx.so.1", interpreter=ON_MUSL)), None, False),
        ((*MUSL, tool("libx.so.1", interpreter=ON_MUSL), so("usr/lib/libx.so.1")), None, True),
        ((*MUSL, tool("libx.so.1", interpreter=ON_MUSL), so("usr/lib/libx.so.1"), file("etc/ld-musl-x86_64.path", "/lib\n/opt")), None, None),
        ((*MUSL, tool("libx.so.1", interpreter=ON_MUSL), so("opt/libx.so.1"), file("etc/ld-musl-x86_64.path", "/lib\n/opt\n")), None, True),
        ((program("lib64/ld-linux-x86-64.so.2"), program("opt/app/bin/tool")), None, True),  # static
    ],
)  # fmt: skip
def test_looked_up(items: tuple[Item, ...], search: str | None, *, present: bool | None) -> None:
    assert find(*items, search=search).present is present


def test_the_reason_names_the_library() -> None:
    found = find(*DEBIAN, NEEDS_X)
    assert found.reason == "/opt/app/bin/tool needs the shared library libx.so.1, which is not in the image"
    placed = find(*DEBIAN, NEEDS_X, so("opt/x/libx.so.1"))
    assert "/opt/x/libx.so.1" in str(placed.evidence[0].seen)


def test_what_is_wanted_suffices() -> None:
    items = (
        *DEBIAN,
        so("opt/x/libx.so.1"),
        file(CACHE, b"\0/opt/x/lib/libx.so.1\0"),
        so("opt/x/lib/libx.so.1"),
    )
    python = program("usr/bin/python3.11", dynamic_elf(["libx.so.1"]))
    fs = RootFs([scan(layer(*items, python), compile_wanted(libraries.WANTED))])
    entry = fs.resolve("usr/bin/python3.11")
    assert entry is not None
    assert find_libraries(fs, entry, None).present is True
    other = RootFs([scan(layer(*items, NEEDS_X), compile_wanted(libraries.WANTED))])
    entry = other.resolve("opt/app/bin/tool")
    assert entry is not None
    assert find_libraries(other, entry, None).present is None


def test_a_missing_layer_leaves_it_open() -> None:
    fs = RootFs([scan(layer(*DEBIAN, NEEDS_X)), None])
    entry = fs.resolve("opt/app/bin/tool")
    assert entry is not None
    assert find_libraries(fs, entry, None).present is None


@pytest.mark.parametrize(
    "data",
    [
        dynamic_elf(["libx.so.1"], ending=False)[:-32],
        dynamic_elf(["libx.so.1"]).replace(b"\x05\0\0\0\0\0\0\0", b"\x06\0\0\0\0\0\0\0"),  # no DT_STRTAB
        dynamic_elf(["x" * 5000]),
    ],
)
def test_broken_sections(data: bytes) -> None:
    with pytest.raises(ElfError):
        read_dynamic(data, parse_elf(data, len(data)))
    assert find(*DEBIAN, program("opt/app/bin/tool", data)).present is None


def test_every_cut_and_flip_ends() -> None:
    data = dynamic_elf(["libx.so.1", "liby.so"], runpath="/opt")
    for at in range(len(data)):
        for changed in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            assert find(*DEBIAN, program("opt/app/bin/tool", changed + b"\0")).present in {True, False, None}


def real_programs() -> list[Path]:
    """Return dynamic programs of the machine that runs the tests."""
    return [path for path in map(Path, ("/bin/sh", "/usr/bin/env", "/bin/ls")) if path.exists()]


def test_agrees_with_pyelftools_about_real_programs() -> None:
    for path in real_programs():
        data = path.read_bytes()
        section: Any = ELFFile(io.BytesIO(data)).get_section_by_name(".dynamic")
        tags = list(section.iter_tags()) if section else []
        expected = tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED")
        assert read_dynamic(data, parse_elf(data, len(data))).needed == expected


def test_section_headers_do_not_count() -> None:
    """A loader reads none; a reader that believes them sees other libraries."""
    data = bytearray(dynamic_elf(["libreal.so"]))
    table = data.rindex(b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0")
    names_at, rows_at = len(data), len(data) + 64
    data += b"\0libfake.so\0".ljust(64, b"\0")
    dynamic = [0, 6, 0, 0, table, 64, 1, 0, 8, 16]
    strings = [0, 3, 0, 0, names_at, 64, 0, 0, 1, 0]
    for row in (dynamic, strings):
        data += b"".join(
            value.to_bytes(4 if number in {0, 1, 6, 7} else 8, "little") for number, value in enumerate(row)
        )
    data[40:48] = rows_at.to_bytes(8, "little")
    data[58:64] = b"\x40\0\x02\0\x01\0"
    raw = bytes(data)
    assert read_dynamic(raw, parse_elf(raw, len(raw))) == Dynamic(("libreal.so",))
    segment: Any = next(
        part for part in ELFFile(io.BytesIO(raw)).iter_segments() if part.header.p_type == "PT_DYNAMIC"
    )
    assert [tag.needed for tag in segment.iter_tags() if tag.entry.d_tag == "DT_NEEDED"] == ["libfake.so"]  # fmt: skip


def test_hostile_numbers_are_bounded() -> None:
    many = dynamic_elf([f"lib{number}.so" for number in range(5000)], runpath=":".join(["/a"] * 2000))
    assert find(*DEBIAN, program("opt/app/bin/tool", many)).present is None


@pytest.mark.parametrize(("way", "verdict"), [("docker", "pass"), ("oci", "pass"), ("pipe", "unknown")])
def test_programs_that_were_not_kept_are_read(way: str, verdict: str) -> None:
    tool = program("opt/tool", dynamic_elf(["libx.so.1"]) + bytes(5 << 20))
    image = sample(tool, symlink("usr/bin/zip", "/opt/tool"), program(LOADER), so("lib64/libx.so.1"))
    raw = image.archive("oci" if way == "oci" else "docker")
    source: Any = Pipe(raw) if way == "pipe" else io.BytesIO(raw)
    report = imagespec.check(source, service="batch")
    (outcome,) = [item.outcome for item in report.inputs[0].images[0].results if item.rule == "packages"]
    assert outcome.verdict == verdict, outcome
    assert ("content was not kept" in outcome.summary) == (way == "pipe")
