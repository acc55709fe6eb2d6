"""
The content of the sample image (fixtures/sample) in the words of `build`, with one thing changed at a time.

A change is made as people make it: another text of a file, another instruction of the Dockerfile, or one more layer
on top. What a change replaces must be there, so that a variant cannot silently be the good image.
"""

from __future__ import annotations

import functools
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.build import (
    Item,
    compress,
    config,
    digest,
    directory,
    docker_archive,
    file,
    hardlink,
    layer,
    oci_members,
    outer_tar,
    program,
    symlink,
    whiteout,
)

_SOURCES = Path(__file__).parent / "fixtures/sample"
SERVER = (_SOURCES / "app/server.py").read_text()
BOOT = (_SOURCES / "app/run.sh").read_text()
MODEL = (_SOURCES / "app/config.json").read_text()
JAVA_HOME = "usr/lib/jvm/java-17-sample"
LIBRARIES = "usr/lib/python3/dist-packages"

RUN: Mapping[str, Any] = {
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "MODEL_NAME=mnist"],
    "Cmd": ["/bin/sh", "-c", "/bin/sh /home/run.sh"],
    "WorkingDir": "/home/app",
    "ExposedPorts": {"8080/tcp": {}},
}
"""The image's inner config, as the Dockerfile of the sample makes it."""

Members = dict[str, bytes]
"""The files of an archive by name."""


@attrs.frozen(kw_only=True)
class Sample:
    """An image that is not yet in an archive."""

    layers: tuple[bytes, ...]
    document: bytes
    """The config document."""
    spoil: Callable[[Sample, Members, str], Members] | None = None
    """Damages the files of an archive of a kind."""

    def members(self, kind: str) -> Members:
        """Return the files of an archive: ``docker``, ``oci`` (gzip), or ``both`` as Docker 25 and newer write it."""
        if kind == "docker":
            with tarfile.open(fileobj=io.BytesIO(docker_archive(self.layers, self.document))) as tar:
                members = {item.name: tar.extractfile(item).read() for item in tar}  # type: ignore[union-attr]
        else:
            members = oci_members(self.layers, self.document, "gzip" if kind == "oci" else "plain")
        if kind == "both":
            names = [self.layer_name(number, kind) for number in range(len(self.layers))]
            row = {
                "Config": f"blobs/sha256/{digest(self.document)[7:]}",
                "RepoTags": ["sample:latest"],
                "Layers": names,
            }
            members["manifest.json"] = json.dumps([row]).encode()
        return self.spoil(self, members, kind) if self.spoil else members

    def archive(self, kind: str) -> bytes:
        """Return an archive of a kind."""
        return outer_tar(self.members(kind))

    def layer_name(self, number: int, kind: str) -> str:
        """Return the name of a layer in an archive of a kind."""
        raw = self.layers[number]
        if kind == "docker":
            return digest(b"v1" + raw)[7:] + "/layer.tar"
        return "blobs/sha256/" + digest(compress(raw, "gzip" if kind == "oci" else "plain")[0])[7:]


def sample(
    *top: Item,
    server: str = SERVER,
    boot: str | bytes | Item | None = BOOT,
    model: str | None = MODEL,
    architecture: str = "amd64",
    spoil: Callable[[Sample, Members, str], Members] | None = None,
    history: list[str] | None = None,
    **run: Any,
) -> Sample:
    """
    Return the sample image with changes.

    ``top`` is one more layer; ``server``, ``boot`` (a text, an item, or None for none) and ``model`` are /home/app/server.py,
    /home/run.sh and the config.json; ``run`` replaces keys of the inner config, None removes one.
    """
    boot_item = boot if isinstance(boot, Item) else file("home/run.sh", boot or b"", 0o755)
    layers = [
        _base(),
        layer(directory("home/app"), file("home/app/server.py", server)),
        layer(
            directory("home/mind"),
            *([file("home/mind/model/config.json", model)] if model is not None else []),
        ),
        layer(*([boot_item] if boot is not None else [])),
        _extra(),
        layer(whiteout("opt/sample/deleted.txt")),
        *([layer(*top)] if top else []),
    ]
    inner = {key: value for key, value in {**RUN, **run}.items() if value is not None}
    other = {"history": [{"created_by": line} for line in history]} if history else {}
    return Sample(
        layers=tuple(layers), document=config(layers, inner, architecture=architecture, **other), spoil=spoil
    )


def changed(text: str, old: str, new: str) -> str:
    """Return a text with one change; the old text must occur in it once."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)


def package(name: str, *, console_script: bool = False) -> list[Item]:
    """Return a stand-in for an installed Python package."""
    items = [
        file(f"{LIBRARIES}/{name}/__init__.py", '"""A stand-in."""\n'),
        file(
            f"{LIBRARIES}/{name}-0.0.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0\n",
        ),
    ]
    return items + (
        [program(f"usr/bin/{name}", "#!/usr/bin/python3\nraise SystemExit\n")] if console_script else []
    )


@functools.cache
def _base() -> bytes:
    """Return the base layer: the members of fixtures/sample_context.py, with minimal programs."""
    rootfs = _SOURCES / "rootfs"
    # A checkout that was compiled (compileall) has more files than the fixture.
    files = [path for path in sorted(rootfs.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return layer(
        directory("tmp", 0o1777),
        directory("root", 0o700),
        directory("home/ma-user", 0o750, uid=1000, gid=100),
        *(file(path.relative_to(rootfs).as_posix(), path.read_bytes()) for path in files),
        *(program(f"usr/bin/{name}") for name in ("python3.11", "zip", "sh", "ping")),
        program(f"{JAVA_HOME}/bin/java"),
        hardlink("usr/bin/unzip", "usr/bin/zip", mode=0o755),
        symlink("bin", "usr/bin"),
        symlink("lib", "usr/lib"),
        symlink("usr/bin/python3", "python3.11"),
        symlink("usr/bin/python", "/etc/alternatives/python"),
        symlink("etc/alternatives/python", "/usr/bin/python3"),
        symlink("usr/bin/java", "/etc/alternatives/java"),
        symlink("etc/alternatives/java", f"/{JAVA_HOME}/bin/java"),
    )


@functools.cache
def _extra() -> bytes:
    return layer(
        file("opt/sample/kept.txt", "kept\n"),
        file("opt/sample/deleted.txt", "deleted by a later layer\n"),
        file("opt/sample/数据.txt", "a name that is not ASCII\n"),
    )
