"""
The inputs of the benchmarks.

The large images come from ``make_images.py``; synthetic layers are made here when they are first asked for.
All lie in the directory that the environment variable IMAGESPEC_BENCH_DIR names.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

MEMBERS = 1_000_000
_BLOCK = 512
_GIB = 1 << 30
_EPOCH = 1_700_000_000
_TIMES = 5_000  # different modification times, about as many as in a large layer
_END = bytes(2 * _BLOCK)


def directory() -> Path:
    """Return where the inputs lie."""
    return Path(os.environ.get("IMAGESPEC_BENCH_DIR", "~/.cache/imagespec-bench")).expanduser()


def large(name: str) -> Path:
    """Return a file that ``make_images.py`` makes; ends the program where it was not made."""
    path = directory() / name
    if not path.exists():
        sys.exit(f"{path} is missing: make it with `python -m benchmarks.make_images`")
    return path


def headers_only(*, with_pax: bool) -> Path:
    """Return a tar of 1,000,000 empty files, with or without a PAX record of the time of each."""
    path = directory() / f"headers-only{'-pax' if with_pax else ''}.tar"
    if not path.exists():
        _write(path, itertools.chain(members(MEMBERS, with_pax=with_pax), (_END,)))
    return path


def sparse_layer() -> Path:
    """Return a tar of ten files of 3 GiB each, which takes no room on disks that can leave holes."""
    path = directory() / "sparse-30g.tar"
    if not path.exists():
        unfinished = path.with_name(f"partial-{path.name}")
        with unfinished.open("wb") as file:
            for number in range(10):
                file.write(_header(b"models/part-%d.bin" % number, 3 * _GIB, _EPOCH))
                file.seek(3 * _GIB, os.SEEK_CUR)
            file.write(_END)
        unfinished.replace(path)
    return path


def small_image() -> Path:
    """Return a docker-archive of one small layer."""
    path = directory() / "small-docker.tar"
    if not path.exists():
        layer = b"".join(members(20, with_pax=False)) + _END
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }
        manifest = [{"Config": "config.json", "RepoTags": ["small:1"], "Layers": ["layer.tar"]}]
        with tarfile.open(path, "w") as tar:
            for name, content in (
                ("layer.tar", layer),
                ("config.json", json.dumps(config).encode()),
                ("manifest.json", json.dumps(manifest).encode()),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def members(count: int, *, with_pax: bool) -> Iterator[bytes]:
    """Yield the blocks of ``count`` empty files."""
    for number in range(count):
        name = b"usr/lib/python3/dist-packages/package%04d/module%06d.py" % (number // 250, number)
        seconds = _EPOCH + number % _TIMES
        header = _header(name, 0, seconds)
        if with_pax:
            # POSIX pax, "pax Header Block": length, keyword and value; the length counts itself, here two digits.
            record = b" mtime=%d.%09d\n" % (seconds, number)
            body = b"%d%s" % (len(record) + 2, record)
            yield _header(b"PaxHeaders/module", len(body), 0, b"x") + body.ljust(_BLOCK, b"\0") + header
        else:
            yield header


def _header(name: bytes, size: int, seconds: int, kind: bytes = b"0") -> bytes:
    # POSIX pax, "ustar Header Block": mode, uid, gid, size, mtime; the checksum counts itself as eight spaces.
    numbers = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0%011o\0" % (size, seconds)
    front = name.ljust(100, b"\0") + numbers
    back = kind + bytes(100) + b"ustar\00000" + b"root".ljust(32, b"\0") * 2 + b"0000000\0" * 2 + bytes(167)
    return front + b"%06o\0 " % (sum(front) + sum(back) + 8 * 0x20) + back


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file under another name first, so that no half one stays."""
    unfinished = path.with_name(f"partial-{path.name}")
    with unfinished.open("wb") as file:
        file.writelines(pieces)
    unfinished.replace(path)
