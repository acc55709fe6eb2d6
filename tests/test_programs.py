"""Which file a name means, and whether a kernel would start it."""

from __future__ import annotations

import struct

import pytest

from imagespec.analyzers.programs.programs import Startable, judge_startable
from imagespec.analyzers.programs.shebang import Shebang, parse_shebang
from imagespec.rootfs import DEFAULT_PATH, RootFs
from tests.build import directory, elf, file, program, rootfs, scan, symlink
from tests.build import layer as tar_layer

LOADER = "/lib64/ld-linux-x86-64.so.2"


def judge(fs: RootFs, name: str, architecture: str = "amd64", path: str | None = None) -> Startable:
    entry = fs.which(name, path)
    assert entry is not None
    return judge_startable(fs, entry, architecture, path=path)


def big_endian_elf(machine: int) -> bytes:
    ident = b"\x7fELF\x02\x02\x01" + bytes(9)
    load = struct.pack(">IIQQQQQQ", 1, 5, 0, 0, 0, 120, 120, 4096)
    return ident + struct.pack(">HHIQQQIHHHHHH", 2, machine, 1, 64, 64, 0, 0, 64, 56, 1, 0, 0, 0) + load


# Looking up names.


@pytest.mark.parametrize(
    ("path", "name", "cwd", "found"),
    [
        (None, "tool", "/", "usr/local/bin/tool"),
        ("/usr/bin:/usr/local/bin", "tool", "/", "usr/bin/tool"),
        ("/none:/usr/bin", "tool", "/", "usr/bin/tool"),
        ("", "tool", "/usr/bin", "usr/bin/tool"),  # an empty element is the working directory
        ("/none:", "tool", "/opt", None),
        ("bin", "tool", "/usr", "usr/bin/tool"),
        (None, "plain", "/", None),  # no execute bit
        (None, "folder", "/", None),
        (None, "dangling", "/", None),
        (None, "gone", "/", None),
        (None, "", "/", None),
        (None, "java", "/", "opt/jdk/bin/java"),  # through /etc/alternatives
        (None, "./bin/tool", "/usr", "usr/bin/tool"),
        (None, "bin/tool", "/", None),
        (None, "/usr/bin/plain", "/", "usr/bin/plain"),  # a path is taken as it is
        (None, "../tool", "/usr/bin/x", "usr/bin/tool"),
    ],
)
def test_which(path: str | None, name: str, cwd: str, found: str | None) -> None:
    fs = rootfs(
        [
            program("usr/local/bin/tool"),
            program("usr/bin/tool"),
            file("usr/bin/plain"),
            directory("usr/bin/folder"),
            directory("usr/bin/x"),
            symlink("usr/bin/dangling", "nowhere"),
            symlink("usr/bin/java", "/etc/alternatives/java"),
            symlink("etc/alternatives/java", "/opt/jdk/bin/java"),
            program("opt/jdk/bin/java"),
        ]
    )
    entry = fs.which(name, path, cwd)
    assert (entry.path if entry else None) == found


def test_default_path_is_dockers() -> None:
    assert DEFAULT_PATH.split(":") == [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]  # fmt: skip


# ELF files.


@pytest.mark.parametrize(
    ("architecture", "data", "startable"),
    [
        ("amd64", elf(62), True),
        ("amd64", elf(183), False),
        ("amd64", elf(3, bits=32), None),  # 32-bit x86 needs the kernel's emulation
        ("amd64", elf(62, bits=32), None),  # x32, likewise
        ("arm64", elf(183), True),
        ("arm64", elf(62), False),
        ("arm64", elf(40, bits=32), None),
        ("arm", elf(40, bits=32), True),
        ("arm", elf(183), False),
        ("386", elf(3, bits=32), True),
        ("386", elf(62), False),
        ("ppc64le", elf(21), True),
        ("ppc64le", big_endian_elf(21), False),
        ("s390x", big_endian_elf(22), True),
        ("s390x", elf(22), False),
        ("riscv64", elf(243), True),
        ("loong64", elf(258), True),
        ("", elf(62), None),
        ("toaster", elf(62), None),
    ],
)
def test_machine(architecture: str, data: bytes, *, startable: bool | None) -> None:
    found = judge(rootfs([program("bin/tool", data)]), "tool", architecture)
    assert found.startable is startable
    assert found.evidence[0].path == "/bin/tool"
    assert found.evidence[0].layer == 0


def altered(at: int, value: bytes) -> bytes:
    raw = bytearray(elf(interpreter=LOADER))
    raw[at : at + len(value)] = value
    return bytes(raw)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\x7fELF", "ends inside its identification"),
        (elf()[:40], "ends inside its header"),
        (altered(4, b"\x03"), "class"),
        (altered(5, b"\x00"), "class"),
        (altered(6, b"\x02"), "class"),
        (altered(16, b"\x01"), "type is 1"),  # ET_REL, an object file
        (altered(16, b"\x04"), "type is 4"),  # ET_CORE
        (altered(20, b"\x00"), "version is 0"),
        (altered(24, bytes(8)), "no entry point"),
        (altered(54, b"\x20"), "have 32 bytes"),
        (altered(56, b"\x00"), "no program headers"),
        (altered(56, b"\x01"), "no segment to load"),
        (altered(56, b"\xff\xff"), "ends inside its program headers"),
        (altered(32, b"\xff" * 8), "ends inside its program headers"),
        (altered(64 + 32, b"\x01\0\0\0\0\0\0\0"), "loader has 1 bytes"),
        (altered(64 + 32, b"\x00\x20\0\0\0\0\0\0"), "loader has 8192 bytes"),
        (altered(64 + 32, bytes([len(LOADER)])), "does not end with a NUL"),
        (b"MZ\x90\0" + bytes(300), "is no ELF program"),
        (b"echo hello\n", "is no ELF program"),
    ],
)
def test_what_a_kernel_refuses(data: bytes, words: str) -> None:
    found = judge(rootfs([program("bin/tool", data), program(LOADER[1:])]), "tool")
    assert found.startable is False
    assert words in found.reason


def test_type_and_execute_bit() -> None:
    fs = rootfs([file("bin/plain", elf()), directory("bin/folder")])
    assert judge(fs, "/bin/plain").startable is False
    assert judge(fs, "/bin/plain").evidence[0].seen == "0644"
    assert "directory" in judge(fs, "/bin/folder").reason


def test_the_loader_must_be_there() -> None:
    dynamic = program("bin/tool", elf(interpreter=LOADER))
    real = "usr/lib/ld.so"
    cases = [
        ([], False, "not in the image"),
        ([symlink(LOADER, "/" + real)], False, "not in the image"),
        ([symlink(LOADER, "/" + real), program(real)], True, "with the loader"),
        ([symlink(LOADER, "/" + real), file(real, elf())], False, "no executable file"),
        ([symlink(LOADER, "/" + real), directory(real)], False, "no executable file"),
        ([program(LOADER, b"")], False, "does not begin as an ELF"),
        ([program(LOADER, b"text")], False, "does not begin as an ELF"),
        ([program(LOADER, elf(183))], False, "built for another processor"),
    ]
    for more, startable, words in cases:
        found = judge(rootfs([dynamic, *more]), "tool")
        assert (found.startable, words in found.reason) == (startable, True), (words, found.reason)


def test_what_was_not_kept_decides_nothing() -> None:
    def view(keep: int) -> RootFs:
        far = elf(interpreter=LOADER).ljust(6000, b"\0")
        raw = tar_layer(program("bin/tool", far), program(LOADER[1:]))
        return RootFs([scan(raw, lambda *_: keep)])

    assert judge(view(0), "tool").startable is None
    assert judge(view(100), "tool").startable is None
    assert judge(view(6000), "tool").startable is True
    beyond = altered(32, (5000).to_bytes(8, "little")).ljust(6000, b"\0")
    found = judge(RootFs([scan(tar_layer(program("bin/tool", beyond)), lambda *_: 4096)]), "tool")
    assert found.startable is None
    assert "program headers" in found.reason


def test_an_unread_layer_leaves_everything_open() -> None:
    base = scan(tar_layer(program("bin/tool"), program("bin/broken", b"")))
    for name in ("tool", "broken"):
        found = judge(RootFs([base, None]), name)
        assert found.startable is None
        assert "could be read" in found.reason


# Scripts.


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\n", Shebang("/bin/sh", None)),
        (b"#! \t/bin/sh \t-e  x \t\nrest", Shebang("/bin/sh", "-e  x")),
        (b"#!/bin/sh", Shebang("/bin/sh", None)),
        (b"#!/bin/sh -e", Shebang("/bin/sh", "-e")),
        (b"#!/bin/sh\r\n", Shebang("/bin/sh\r", None)),
        (b"#!/bin/sh -e\r\n", Shebang("/bin/sh", "-e\r")),
        (b"#!\n/bin/sh\n", None),
        (b"#!   \n", None),
        (b"#!", None),
        (b"\xef\xbb\xbf#!/bin/sh\n", None),
        (b" #!/bin/sh\n", None),
        (b"#!/" + b"x" * 252 + b"\n", Shebang("/" + "x" * 252, None)),
        (b"#!/" + b"x" * 253 + b"\n", None),  # the name may go on: Linux 5.1 refuses what it cannot see
        (b"#!/bin/sh " + b"x" * 300 + b"\n", Shebang("/bin/sh", "x" * 245)),  # an argument is cut silently
    ],
)
def test_shebang(head: bytes, expected: Shebang | None) -> None:
    assert parse_shebang(head) == expected


def test_scripts_need_a_startable_interpreter() -> None:
    fs = rootfs(
        [
            program("bin/sh"),
            file("bin/unset", elf()),
            program("ok", "#!/bin/sh\n"),
            program("missing", "#!/bin/bash\n"),
            program("crlf", "#!/bin/sh\r\necho\r\n"),
            program("nobit", "#!/bin/unset\n"),
            program("foreign", "#!/bin/arm\n"),
            program("bin/arm", elf(183)),
            program("loop", "#!/loop\n"),
            program("bare", "echo hello\n"),
            program("over", "#!/bare\n"),
        ]
    )
    assert judge(fs, "/ok").startable is True
    assert [item.path for item in judge(fs, "/ok").evidence] == ["/ok", "/bin/sh"]
    for name in ("missing", "crlf", "nobit", "foreign", "loop", "bare", "over"):
        assert judge(fs, "/" + name).startable is False, name
    assert "CR LF" in judge(fs, "/crlf").reason
    assert judge(fs, "/crlf").evidence[0].line == 1
    assert judge(fs, "/bare").shell_fallback
    assert not judge(fs, "/over").shell_fallback


def test_interpreters_may_be_scripts_five_deep() -> None:
    chain = [program(f"s{n}", f"#!/s{n - 1}\n") for n in range(1, 7)]
    fs = rootfs([program("s0"), *chain])
    assert [judge(fs, f"/s{n}").startable for n in range(7)] == [True] * 6 + [False]


def test_env_starts_what_the_path_has() -> None:
    fs = rootfs(
        [
            program("usr/bin/env"),
            program("opt/conda/bin/python3"),
            program("a", "#!/usr/bin/env python3\n"),
            program("b", "#!/usr/bin/env python3 -u\n"),
            program("c", "#!/usr/bin/env -S python3 -u\n"),
            program("d", "#!/usr/bin/env -S A=b python3\n"),
            program("e", "#!/usr/bin/env\n"),
            program("f", "#!/usr/bin/env -i\n"),
            program("g", "#!/usr/bin/env /gone\n"),
            program("h", "#!/usr/bin/env -S 'python3' -u\n"),
        ]
    )
    conda = "/opt/conda/bin:/usr/bin"
    results = {name: judge(fs, "/" + name, path=conda).startable for name in "abcdefgh"}
    assert results == {
        "a": True, "b": False, "c": True, "d": True, "e": False, "f": None, "g": False, "h": None,
    }  # fmt: skip
    assert judge(fs, "/a", path="/usr/bin").startable is False
    assert judge(fs, "/a").startable is None  # without a PATH it may be anywhere
    assert judge(fs, "/g").startable is False


def test_env_in_a_circle_ends() -> None:
    fs = rootfs([program("usr/bin/env"), program("bin/me", "#!/usr/bin/env me\n")])
    assert judge(fs, "me", path="/bin").startable is False
