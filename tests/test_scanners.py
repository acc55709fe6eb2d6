"""Engines over the content of every file of every layer, through the whole pipeline."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import imagespec
from imagespec import Outcome, Scanners, Verdict
from imagespec.analyzers.malware.scanners import open_scanners
from imagespec.errors import ReadError, UsageError
from imagespec.limits import MIB
from tests.build import Item, Pipe, config, docker_archive, elf, file, layer, oci_members, outer_tar, whiteout
from tests.fakeclamd import MARK, VERSION, fake_clamd

RULE = 'rule marked { strings: $a = "the mark" condition: $a }\n'


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def judge(
    scanners: Scanners | None, *layers: Sequence[Item], codec: str = "plain", pipe: bool = False
) -> Outcome:
    """Return what malicious-code says about an image of these layers."""
    raws = [layer(*items) for items in layers]
    if codec == "plain":
        raw = docker_archive(raws, config(raws))
    else:
        raw = outer_tar(oci_members(raws, config(raws), codec))
    source: Any = Pipe(raw) if pipe else io.BytesIO(raw)
    report = imagespec.check(source, scanners=scanners)
    (image,) = report.inputs[0].images
    (result,) = [item for item in image.results if item.rule == "malicious-code"]
    return result.outcome


def found(outcome: Outcome) -> list[tuple[str | None, int | None, str | None]]:
    """Return path, layer and name of the strong indicators: what decides is not marked."""
    marks = ("weak indicator:", "not looked at:", "looked at:", "never looked at:")
    return [
        (item.path, item.layer, item.seen) for item in outcome.evidence if not item.message.startswith(marks)
    ]


def told(outcome: Outcome) -> str:
    return "\n".join(f"{item.message} [{item.path}] {item.seen}" for item in outcome.evidence)


def rules(folder: Path, **files: str) -> Scanners:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yar").write_text(text)
    return Scanners(yara=[folder])


# YARA.


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd"])
def test_yara_sees_every_layer(tmp_path: Path, codec: str) -> None:
    seen = judge(
        rules(tmp_path / "r", a=RULE),
        [file("opt/a", "xx the mark"), file("opt/b", "nothing"), file("opt/gone", "the mark")],
        [whiteout("opt/gone"), file("opt/c", "the mark" + "x" * 70_000)],
        codec=codec,
    )
    assert seen.verdict is Verdict.FAIL
    assert found(seen) == [
        ("/opt/a", 0, "a.yar: marked"), ("/opt/gone", 0, "a.yar: marked"), ("/opt/c", 1, "a.yar: marked"),
    ]  # fmt: skip
    assert "layer 1 hides it" in seen.evidence[1].message
    assert "hides it" not in seen.evidence[0].message
    assert "files of all layers scanned by yara-x" in told(seen)


def test_nothing_found_is_never_clean(tmp_path: Path) -> None:
    seen = judge(rules(tmp_path / "r", a=RULE), [file("opt/a", "x"), file("opt/large", bytes(2 * MIB))])
    assert seen.verdict is Verdict.UNKNOWN
    small = judge(
        Scanners(yara=[tmp_path / "r"], file_bytes=MIB), [file("opt/large", bytes(2 * MIB) + b"the mark")]
    )
    assert small.verdict is Verdict.UNKNOWN
    assert "larger than is read into memory [/opt/large]" in told(small)


def test_a_pipe_keeps_too_little(tmp_path: Path) -> None:
    seen = judge(rules(tmp_path / "r", a=RULE), [file("opt/a", "the mark")], pipe=True)
    assert seen.verdict is Verdict.UNKNOWN
    assert "could not be read for the engines (not-kept) [/opt/a]" in told(seen)


def test_rules_are_cached(tmp_path: Path, own_cache: Path) -> None:
    settings = rules(tmp_path / "r", a=RULE)
    open_scanners(settings)
    (cached,) = own_cache.rglob("*.rules")
    assert cached.parent.stat().st_mode & 0o777 == 0o700
    before = cached.stat().st_mtime_ns
    assert judge(settings, [file("a", "the mark")]).verdict is Verdict.FAIL
    assert cached.stat().st_mtime_ns == before
    rules(tmp_path / "r", a=RULE.replace("the mark", "another"))
    assert judge(settings, [file("a", "the mark")]).verdict is Verdict.UNKNOWN
    assert len(list(own_cache.rglob("*.rules"))) == 2


def test_an_engine_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("imagespec.analyzers.malware.pickles.Pickles._scan_one", fail)
    seen = judge(Scanners(pickles=True), [file("a.pkl", pickled(1)), file("b", "x")])
    assert "it failed (MemoryError) [/a.pkl]" in told(seen)


@pytest.mark.parametrize("spoil", ["damaged", "writable", "folder-writable"])
def test_a_cache_that_cannot_be_trusted_is_not_used(tmp_path: Path, own_cache: Path, spoil: str) -> None:
    settings = rules(tmp_path / "r", a=RULE)
    open_scanners(settings)
    (cached,) = own_cache.rglob("*.rules")
    if spoil == "damaged":
        cached.write_bytes(b"damaged")
    else:
        # Other rules than those of the hash: were they loaded, the mark would not be found.
        other = tmp_path / "other"
        open_scanners(rules(other, a=RULE.replace("the mark", "another")))
        (another,) = set(own_cache.rglob("*.rules")) - {cached}
        cached.write_bytes(another.read_bytes())
        (cached if spoil == "writable" else cached.parent).chmod(0o777)
    assert judge(settings, [file("a", "the mark")]).verdict is Verdict.FAIL


def test_without_a_cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no"))
    assert judge(rules(tmp_path / "r", a=RULE), [file("a", "the mark")]).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no *.yar or *.yara file"),
        ({"a": "rule x {"}, "cannot be compiled"),
        ({"a": 'include "b.yar"'}, "leave out files that only include others"),
    ],
)
def test_wrong_rules(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_scanners(rules(tmp_path / "r", **files))
    assert words in str(caught.value)


# Hashes.

BAD = b"something bad"
LARGE = b"large and bad" * 300_000


def hashes(path: Path, *lines: str) -> Scanners:
    path.write_text("\n".join(lines) + "\n")
    return Scanners(hashes=[path], file_bytes=MIB)


@pytest.mark.parametrize(
    ("line", "hits"),
    [
        (hashlib.sha256(BAD).hexdigest(), 1),
        (hashlib.sha256(BAD).hexdigest().upper() + "  its name", 1),
        (f"{hashlib.md5(BAD).hexdigest()}:{len(BAD)}:Name-1", 1),
        (f"{hashlib.md5(BAD).hexdigest()}:{len(BAD) + 1}:Name-1", 0),
        (f"{hashlib.sha1(BAD).hexdigest()}:*:Name-1:73", 1),
        (f"{hashlib.sha256(BAD).hexdigest()}:{len(BAD)}:Name-1", 1),
        (f"{hashlib.sha256(LARGE).hexdigest()}:{len(LARGE)}:Name-1", 1),
        ("0" * 64, 0),
    ],
)
def test_hash_lists(tmp_path: Path, line: str, hits: int) -> None:
    seen = judge(
        hashes(tmp_path / "l", "# a comment", "", line), [file("opt/bad", BAD), file("opt/large", LARGE)]
    )
    assert len(found(seen)) == hits
    assert seen.verdict is (Verdict.FAIL if hits else Verdict.UNKNOWN)
    if "Name-1" in line and hits:
        assert "Name-1" in str(found(seen))


@pytest.mark.parametrize(
    "line", ["xyz", "0" * 63, "g" * 64, "0" * 32, "0" * 32 + ":x:Name", "0" * 32 + ":1", ""]
)
def test_wrong_lists(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_scanners(hashes(tmp_path / "l", line))
    assert str(tmp_path / "l") in str(caught.value)


# clamd.


def test_clamd_protocol(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 's'}"
    with fake_clamd(tmp_path / "s") as server:
        seen = judge(
            Scanners(clamd=address, file_bytes=4 * MIB),
            [
                file("opt/a", b"x" * 600_000 + MARK),
                file("opt/b", "nothing"),
                file("opt/large", bytes(3 * MIB)),
            ],
            [file("opt/huge", bytes(5 * MIB))],
        )
        assert server.asked == 3
    assert found(seen) == [("/opt/a", 0, "Fake.Mark-1")]
    assert seen.verdict is Verdict.FAIL
    text = told(seen)
    assert "clamd refuses: INSTREAM size limit exceeded. ERROR" in text or "at which clamd hung up" in text
    assert "stopped to answer" not in text
    assert "[/opt/large]" in text
    assert "larger than is read into memory [/opt/huge]" in text
    assert VERSION.decode() in text


def test_clamd_that_dies(tmp_path: Path) -> None:
    with fake_clamd(tmp_path / "s", dies_after=1) as server:
        seen = judge(Scanners(clamd=f"unix:{tmp_path / 's'}"), [file(f"opt/{n}", "x") for n in range(5)])
        assert server.asked == 2
    assert seen.verdict is Verdict.UNKNOWN
    assert "stopped to answer: it hung up without an answer [/opt/1]" in told(seen)
    assert "3 files after it stopped" in told(seen)


@pytest.mark.parametrize("address", ["nothing", "host:", "host:x", ":3310", "host:99999"])
def test_wrong_addresses(address: str) -> None:
    with pytest.raises(UsageError):
        open_scanners(Scanners(clamd=address))


def test_nobody_answers(tmp_path: Path) -> None:
    for address in (f"unix:{tmp_path / 'none'}", "127.0.0.1:1"):
        with pytest.raises(ReadError, match="is it running"):
            open_scanners(Scanners(clamd=address))


@pytest.fixture
def real_clamd(tmp_path: Path) -> Iterator[str]:
    """Run the machine's own clamd with one signature, made by hand."""
    program = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no clamd on this machine")
    (tmp_path / "db").mkdir()
    text = b"a signature made by hand".hex()
    (tmp_path / "db/own.ndb").write_text(f"Hand.Made-1:0:*:{text}\n")
    (tmp_path / "clamd.conf").write_text(
        f"LocalSocket {tmp_path / 'sock'}\nDatabaseDirectory {tmp_path / 'db'}\nForeground true\n"
        f"StreamMaxLength 2M\nTemporaryDirectory {tmp_path}\n"
    )
    command = [program, "--config-file", str(tmp_path / "clamd.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            if (tmp_path / "sock").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        yield f"unix:{tmp_path / 'sock'}"
        process.terminate()


@pytest.mark.engine
def test_real_clamd(real_clamd: str) -> None:
    seen = judge(
        Scanners(clamd=real_clamd),
        [file("opt/a", "before a signature made by hand after"), file("opt/b", "nothing")],
        [whiteout("opt/a"), file("opt/large", bytes(3 * MIB)), file("opt/c", "after it")],
    )
    assert found(seen) == [("/opt/a", 0, "Hand.Made-1.UNOFFICIAL")]
    assert "layer 1 hides it" in seen.evidence[0].message
    assert "[/opt/large]" in told(seen)
    assert "stopped to answer" not in told(seen)
    assert re.search(r"scanned by clamd \(ClamAV [^)]*\) \[None\] 3", told(seen))


def test_sparse_files_are_bounded(tmp_path: Path) -> None:
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "opt/holes"}
    whole = 1 << 60
    table = f"1\n{whole - 8}\n8\n".encode().ljust(512, b"\0") + b"the mark"
    item = file("opt/GNUSparseFile.0/holes", table, pax={**sparse, "GNU.sparse.realsize": str(whole)})
    settings = Scanners(hashes=hashes(tmp_path / "l", "0" * 64).hashes)
    assert "sparse files beyond 1 GiB in all, for any engine [/opt/holes]" in told(judge(settings, [item]))


# Pickles and models.


class Runs:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def pickled(value: Any, protocol: int = 4) -> bytes:
    return pickle.dumps(value, protocol)


EVIL = Runs(os.system, "true")


def torch_file(data: bytes, **other: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in other.items():
            archive.writestr(f"archive/{name}", content)
    return out.getvalue()


def numpy_file(dtype: str, data: bytes) -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (1,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + data


@pytest.mark.parametrize(
    ("name", "data", "strengths"),
    [
        ("a.pkl", pickled(EVIL), "strong"),
        ("a.pkl", pickled(EVIL, 0), "strong"),
        ("a.joblib", pickled({"x": [1, EVIL]}), "strong"),
        ("a.pkl", pickled(Runs(eval, "1")), "strong"),
        ("a.pkl", pickled(Runs(exec, "1")), "strong"),
        ("a.pkl", pickled(Runs(getattr, "a", "upper")), "weak"),
        ("a.pkl", pickled({"weights": [1.0, 2.0]}), ""),
        ("a.pt", torch_file(pickled(EVIL, 2)), "strong"),
        ("a.pt", torch_file(pickled({}, 2), extra=pickled(EVIL)), "strong"),
        ("a.pt", torch_file(pickled({}, 2), weights=bytes(100_000)), ""),
        ("a.bin", pickled(1, 2) + pickled(EVIL, 2), "strong"),
        ("a.bin", b"cos\nsystem\n(S'true'\ntR.", "strong"),
        ("a.bin", b"cos\nsystem\nand more text, that is no pickle", ""),
        ("a.bin", b"config of the os\nsystem\n", ""),
        ("a.npy", numpy_file("|O", pickled(EVIL)), "strong"),
        ("a.npy", numpy_file("<f8", bytes(8)), ""),
        ("a.txt", pickled(EVIL), ""),  # not a name that is looked at
    ],
)
def test_pickles(name: str, data: bytes, strengths: str) -> None:
    seen = judge(Scanners(pickles=True), [file(f"srv/{name}", data)])
    assert (seen.verdict is Verdict.FAIL) == (strengths == "strong")
    assert ("weak indicator" in told(seen)) == (strengths == "weak")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    seen = judge(Scanners(pickles=True), [file("a.pkl", pickled(Runs(os.mkdir, str(mark))))])
    assert not mark.exists()
    assert "srv" not in told(seen)
    assert "os.mkdir" in told(seen) or "posix.mkdir" in told(seen)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pkl", b"\x80\x04" + b"N0" * 600_000 + b".", "too many parts"),
        ("a.pt", b"PK\x03\x04 cut", "damaged"),
        ("a.pt", torch_file(pickled("x" * 9999)).replace(b"data.pkl\xed", b"data.pkl\xff", 1), "damaged"),
        ("a.pt", torch_file(b"\x80\x04" + b"X\x00\x00\x00\x05" + bytes(80 * MIB)), "larger than is read"),
    ],
)
def test_hostile_pickles_are_bounded(name: str, data: bytes, words: str) -> None:
    seen = judge(Scanners(pickles=True), [file(name, data)])
    assert seen.verdict is Verdict.UNKNOWN
    assert words in told(seen)


def test_large_models_in_plain_layers_are_read_where_they_lie() -> None:
    data = torch_file(pickled(EVIL, 2), weights=os.urandom(2 * MIB))
    settings = Scanners(pickles=True, file_bytes=MIB)
    assert judge(settings, [file("a.pt", data)]).verdict is Verdict.FAIL
    packed = judge(settings, [file("a.pt", data)], codec="gzip")
    assert packed.verdict is Verdict.UNKNOWN
    assert "in compressed layers" in told(packed)


def test_picklescan_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    judge(Scanners(pickles=True), [file("a.pkl", pickled(EVIL))])
    assert capfd.readouterr() == ("", "")


# Packages' files.


def test_md5sums() -> None:
    info = "var/lib/dpkg/info/"
    good, old = hashlib.md5(b"good").hexdigest(), hashlib.md5(b"old").hexdigest()
    base = [
        file(info + "p.list", "/.\n/usr/bin/a\n/usr/bin/b\n/usr/bin/d\n"),
        file(info + "p.md5sums", "".join(f"{digest}  usr/bin/{n}\n" for n, digest in zip("abcd", (good, old, old, old), strict=True))),
        file("var/lib/dpkg/diversions", "/usr/bin/d\n/usr/bin/d.distrib\nother\n"),
        *(file(f"usr/bin/{name}", "good") for name in "acd"),
        file("usr/bin/b", "old"),
    ]  # fmt: skip
    settings = Scanners(pickles=True)
    before = judge(settings, base)
    # c was taken over by another package, d is diverted
    assert "weak indicator" not in told(before)
    assert "files compared with the md5sums of their packages [None] 3" in told(before)
    after = judge(settings, base, [file("usr/bin/b", "changed")])
    assert "another content than the package p installed [/usr/bin/b]" in told(after)
    assert after.verdict is Verdict.UNKNOWN


# Extras that are missing.


@pytest.mark.parametrize(("module", "option"), [("yara_x", "yara"), ("picklescan", "pickles")])
def test_missing_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, option: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    settings = rules(tmp_path / "r", a=RULE) if option == "yara" else Scanners(pickles=True)
    with pytest.raises(UsageError, match=r"pip install 'imagespec\["):
        open_scanners(settings)


def test_without_scanners_no_content_is_read() -> None:
    text = told(judge(None, [file("a.pkl", gzip.compress(b"x")), file("b", elf())]))
    assert "scanned by" not in text
    assert "never looked at: files of earlier layers" in text
