"""Indicators that look at layers: secrets in any of them, packages' files that later ones replace, capabilities."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import cast

import pytest

from imagespec.analyzers.indicators.indicators import WANTED, Indicators, find_indicators
from imagespec.analyzers.packagedb import owners
from imagespec.analyzers.wanted import compile_wanted
from imagespec.documents.config import parse_config
from imagespec.image import Image
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from tests.build import Item, config, elf, file, layer, program, scan, whiteout

INFO = "var/lib/dpkg/info/"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n"


def look(*layers: Sequence[Item]) -> Indicators:
    scans = [scan(layer(*items), compile_wanted((*WANTED, *owners.WANTED))) for items in layers]
    image = Image(references=(), config=parse_config(config([]), "config", Limits()), layers=())
    return find_indicators(image, RootFs(scans), scans)


def found(seen: Indicators, kind: str) -> list[tuple[str | None, int | None]]:
    assert {item.strength.value for item in seen.found if item.id == kind} <= {"low"}
    return [(item.evidence.path, item.evidence.layer) for item in seen.found if item.id == kind]


@pytest.mark.parametrize(
    ("path", "text", "hits"),
    [
        ("root/.ssh/id_rsa", KEY, 1),
        ("root/.ssh/id_rsa.pub", KEY, 0),
        ("srv/tls/server.key", "-----BEGIN RSA PRIVATE KEY-----\n", 1),
        ("srv/tls/server.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n", 0),
        ("srv/tls/both.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----BEGIN PRIVATE KEY-----\n", 1),
        ("etc/ssh/ssh_host_ed25519_key", KEY, 1),
        ("srv/notes.txt", KEY, 0),
        ("usr/lib/python3/dist-packages/tornado/test/test.key", KEY, 0),
        ("opt/app/tests/server.key", KEY, 0),
        ("root/.aws/credentials", "[default]\naws_secret_access_key = abc\n", 1),
        ("root/.aws/credentials", "[default]\naws_secret_access_key = <yours>\n", 0),
        ("opt/credentials", "aws_secret_access_key = abc\n", 0),
        ("root/.docker/config.json", '{"auths": {"x": {"auth": "dXNlcjpw"}}}', 1),
        ("root/.docker/config.json", '{"auths": {}}', 0),
        ("root/.git-credentials", "https://user:word@example.com\n", 1),
        ("root/.netrc", "machine x login y password z\n", 1),
        ("root/.npmrc", "//registry.npmjs.org/:_authToken=abc\n", 1),
        ("root/.npmrc", "//registry.npmjs.org/:_authToken=${TOKEN}\n", 0),
        ("root/.pypirc", "[pypi]\npassword = x\n", 1),
    ],
)
def test_secrets(path: str, text: str, hits: int) -> None:
    assert found(look([file(path, text)]), "secret") == [(f"/{path}", 0)] * hits


def test_secrets_of_earlier_layers() -> None:
    seen = look(
        [file("root/.ssh/id_rsa", KEY), file("root/.npmrc", "_authToken=tok-1\n")],
        [whiteout("root/.ssh"), file("root/.npmrc", "registry=x\n")],
    )
    assert found(seen, "secret") == [("/root/.ssh/id_rsa", 0), ("/root/.npmrc", 0)]
    messages = [item.evidence.message for item in seen.found]
    assert all("layer 1 hides it" in message for message in messages)
    assert "b3BlbnNz" not in str(seen)
    assert "tok-1" not in str(seen)


def test_packages_keys_are_no_secret() -> None:
    base = [file(INFO + "p.list", "/etc/p/snake.key\n"), file("etc/p/snake.key", KEY)]
    assert found(look(base), "secret") == []


BASE = [
    file("var/lib/dpkg/status", "Package: p\nStatus: install ok installed\nVersion: 1\n"),
    file(INFO + "p.list", "/.\n/usr/bin/p\n/usr/lib/libp.so.1\n/etc/p.conf\n"),
    program("usr/bin/p"),
    file("usr/lib/libp.so.1", elf()),
    file("etc/p.conf", "x"),
]


@pytest.mark.parametrize(
    ("layers", "hits"),
    [
        ([], []),
        ([[program("usr/bin/p", elf() + b"more")]], [("/usr/bin/p", 1)]),
        ([[file("usr/lib/libp.so.1", b"other")]], [("/usr/lib/libp.so.1", 1)]),
        ([[program("usr/bin/p")]], []),  # the same again, by chmod
        ([[file("etc/p.conf", "changed")]], []),
        ([[program("usr/bin/q", b"new")]], []),
        ([[*BASE[:2], program("usr/bin/p", b"upgraded")]], []),
        ([[program("usr/local/bin/p", b"other")]], []),
        ([[program("usr/bin/p", b"one")], [*BASE[:2], program("usr/bin/p", b"upgraded")]], []),
    ],
)
def test_replaced_files_of_packages(layers: list[list[Item]], hits: list[tuple[str, int]]) -> None:
    assert found(look(BASE, *layers), "replaced-package-file") == hits


def capable(path: str, *bits: int) -> Item:
    raw = struct.pack("<IIIII", 0x02000001, sum(1 << bit for bit in bits), 0, 0, 0)
    pax = {"SCHILY.xattr.security.capability": raw.decode("utf-8", "surrogateescape")}
    return program(path, pax=pax)


@pytest.mark.parametrize(
    ("item", "hits"),
    [
        (capable("opt/x", 21), 1),
        (capable("opt/x", 10), 0),  # CAP_NET_BIND_SERVICE: servers on low ports
        (capable("usr/bin/p", 21), 0),
        (capable("opt/x"), 0),
    ],
)
def test_capabilities(item: Item, hits: int) -> None:
    seen = look([item for item in BASE if item.path != "usr/bin/p"], [item])
    assert len(found(seen, "capabilities")) == hits
    if hits:
        assert [found.evidence.seen for found in seen.found if found.id == "capabilities"] == [
            "CAP_SYS_ADMIN"
        ]


def test_capabilities_without_a_database() -> None:
    seen = look([capable("opt/x", 21)])
    assert found(seen, "capabilities") == []
    assert "could not be compared" in str(cast("tuple[object, ...]", seen.not_looked_at))
