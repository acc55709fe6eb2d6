"""Secrets that anybody who has the image has: private keys and credentials, also in files that later layers hide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import attrs

from imagespec.analyzers.indicators.found import Notebook, Strength, evidence_at
from imagespec.analyzers.packagedb.owners import Owned
from imagespec.analyzers.wanted import KIB, LIBRARIES, Wanted
from imagespec.entry import Entry
from imagespec.layerfiles import regular_files
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan

# Where libraries, tests and documentation keep keys that are no secret.
_OPEN = (*LIBRARIES, "/test/", "/tests/", "/testdata/", "/examples/", "/node_modules/", "/doc/", "/pkgs/")
_HEAD = 16 * KIB
_MOST = 200  # files told about; what hides each is looked up

_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----\s")
_NAMED_KEYS = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
_KEY_ENDINGS = (".pem", ".key")
_CREDENTIALS: dict[str, tuple[str, re.Pattern[bytes]]] = {
    # By the end of the path: what it is, and what must stand in it, after each program's own documentation.
    "/.aws/credentials": ("a secret key of AWS", re.compile(rb"aws_secret_access_key\s{0,9}=\s{0,9}[^\s<$]")),
    "/.docker/config.json": (
        "a registry's password",
        re.compile(rb'"auth"\s{0,9}:\s{0,9}"[A-Za-z0-9+/=]{4}'),
    ),
    "/.git-credentials": ("a password for git", re.compile(rb"://[^/\s:@]{1,256}:[^/\s@]{1,256}@")),
    "/.netrc": ("a password", re.compile(rb"\bpassword\s{1,9}[^\s<$]")),
    "/.npmrc": ("a token for npm", re.compile(rb"_(?:authToken|password)\s{0,9}=\s{0,9}[^\s<$]")),
    "/.pypirc": ("a password for PyPI", re.compile(rb"(?m)^\s{0,9}password\s{0,9}[:=]\s{0,9}[^\s<$]")),
}

WANTED = (
    Wanted(
        names=frozenset((*_NAMED_KEYS, *(path.rpartition("/")[2] for path in _CREDENTIALS))),
        suffixes=(*_KEY_ENDINGS, "_key"),
        outside=_OPEN,
        head_bytes=_HEAD,
        up_to_bytes=_HEAD,
    ),
)


@attrs.frozen
class Secret:
    """A file of some layer that holds a secret."""

    entry: Entry
    what: str


def find_secrets(scans: Sequence[LayerScan | None], notes: Notebook) -> list[Secret]:
    """Look into what was kept of every layer; what the secret is stays out of the report."""
    secrets: list[Secret] = []
    looked = 0
    for number, scan in enumerate(scans):
        for entry in _candidates(scan, number) if scan else ():
            data = scan.kept.get(entry.member or 0) if scan else None
            if data is None:
                if entry.size_bytes <= _HEAD:
                    notes.miss("files of which the names are those of secrets, and that were not kept", entry)
                continue
            looked += 1
            what = _judge(f"/{entry.path}", data)
            if what and len(secrets) < _MOST:
                secrets.append(Secret(entry, what))
    notes.count("files of all layers looked into for keys and credentials", looked)
    return secrets


def check_secrets(rootfs: RootFs, secrets: list[Secret], owned: Owned, notes: Notebook) -> None:
    """Write down what packages did not bring."""
    for secret in secrets:
        if owned.packages.get(secret.entry.path) is None:
            message = f"{secret.what}{rootfs.hiding(secret.entry)}"
            notes.find("secret", Strength.LOW, evidence_at(secret.entry, message))


def _candidates(scan: LayerScan, number: int) -> Iterator[Entry]:
    for entry in regular_files(scan, number, endings=_ENDINGS):
        path = f"/{entry.path}"
        if entry.size_bytes and _is_named_so(path) and not any(part in path for part in _OPEN):
            yield entry


_ENDINGS = tuple(
    text.encode() for text in (*_NAMED_KEYS, *_KEY_ENDINGS, "_key", *(path[1:] for path in _CREDENTIALS))
)


def _is_named_so(path: str) -> bool:
    return path.endswith((*_KEY_ENDINGS, "_key", *_CREDENTIALS)) or path.rpartition("/")[2] in _NAMED_KEYS


def _judge(path: str, data: bytes) -> str:
    for ending, (what, pattern) in _CREDENTIALS.items():
        if path.endswith(ending):
            return what if pattern.search(data) else ""
    return "a private key" if _KEY.search(data) else ""
