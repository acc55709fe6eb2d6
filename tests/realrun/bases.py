"""
What the images of the set are built on: Debian from its own packages, and Python from its source and the package index.

`download` fetches what the working directory does not have yet: root file systems by mmdebstrap, wheels by pip.
`make_bases` makes of them the images of `bases/*.Dockerfile`, without a network. DEBIAN_MIRROR names the mirror.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import attrs

from benchmarks.engine import Client, run
from tests.realrun.sources import HERE

SUITE = "bookworm"
DOCKERFILES = HERE / "bases"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# As Debian's own slim images leave them out; the Java package wants the directory of its manual pages all the same.
_LEFT_OUT = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info"))
_MANUAL_HOOK = '--essential-hook=mkdir -p "$1/usr/share/man/man1"'
_PYTHON_SOURCE = (
    '--customize-hook=chroot "$1" sh -c "cd /usr/src && apt-get source --download-only python3.11"'
)


@attrs.frozen
class Debian:
    """A root file system of packages."""

    tag: str
    packages: tuple[str, ...]
    options: tuple[str, ...] = ()


DEBIANS = (
    Debian(
        "realrun-base",
        (
            *("python3", "python3-flask", "python3-flask-restful", "python3-fastapi", "python3-tornado"),
            *("python3-aiohttp", "python3-django", "python3-bottle", "python3-falcon", "python3-quart"),
            *("gunicorn", "uvicorn", "python3-waitress", "python3-hypercorn", "uwsgi-core"),
            *("uwsgi-plugin-python3", "python3-loguru", "python3-cheroot", "nginx-light", "supervisor"),
            "busybox",
            *("default-jre-headless", "zip", "curl", "tini", "dumb-init", "gosu", "procps"),
        ),
    ),
    Debian(
        "python311-debian",
        (
            *("ca-certificates", "netbase", "tzdata", "libsqlite3-0", "libssl3", "zlib1g", "libbz2-1.0"),
            *("liblzma5", "libffi8", "libgomp1", "gettext-base", "nginx-light", "default-jre-headless"),
            *("zip", "curl", "tini", "dumb-init", "gosu", "procps"),
        ),
    ),
    Debian(
        "python311-build",
        (
            *("build-essential", "libbz2-dev", "libffi-dev", "liblzma-dev", "libsqlite3-dev", "libssl-dev"),
            *("zlib1g-dev", "pkg-config"),
        ),
        (_PYTHON_SOURCE,),
    ),
)
BUILT = ("python311", "python311-web", "python311-venv", "debian-pip")
"""Built from `bases/*.Dockerfile`, in this order."""
BASES = ("realrun-base", *BUILT)
"""What images are built on."""


def download(work: Path) -> None:
    """Fetch what the bases are made of."""
    for debian in DEBIANS:
        _install(debian, _archive(debian, work))
    _download_wheels(work / "wheels")


def make_bases(docker: Client, work: Path) -> None:
    """Make the bases that the engine does not have yet."""
    for debian in DEBIANS:
        if not _has(docker, debian.tag):
            docker("import", f"--change=ENV {SEARCH_PATH}", _archive(debian, work), debian.tag)
    for tag in BUILT:
        if _has(docker, tag):
            continue
        context = work / "context"
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(work / "wheels", context / "wheels")
        shutil.copy(DOCKERFILES / "requirements.txt", context)
        shutil.copy(DOCKERFILES / f"{tag}.Dockerfile", context / "Dockerfile")
        docker("build", "--network=none", f"--tag={tag}", context)


def _archive(debian: Debian, work: Path) -> Path:
    return work / f"{debian.tag}.tar"


def _has(docker: Client, tag: str) -> bool:
    return bool(docker("images", "--quiet", tag).strip())


def _install(debian: Debian, archive: Path) -> None:
    """Install a root file system."""
    if archive.exists():
        return
    mirror = os.environ.get("DEBIAN_MIRROR")
    if mirror is None:
        raise SystemExit(
            "set DEBIAN_MIRROR to the URL of a Debian mirror, such as your sources.list has: sources are needed, too"
        )
    lines = (f"{kind} {mirror} {SUITE} main" for kind in ("deb", "deb-src"))
    unfinished = archive.with_name(f"partial-{archive.name}")
    included = f"--include={','.join(debian.packages)}"
    options = ("--variant=apt", *_LEFT_OUT, _MANUAL_HOOK, included, *debian.options)
    run("mmdebstrap", *options, SUITE, unfinished, *lines)
    unfinished.replace(archive)


def _download_wheels(folder: Path) -> None:
    """Download the wheels of the pinned packages."""
    if folder.exists():
        return
    unfinished = folder.with_name("partial-wheels")
    # As on the Python that will install them, whatever Python runs this.
    platforms = (f"--platform=manylinux_2_{minor}_x86_64" for minor in (36, 28, 27, 24, 17, 5))
    python = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none")
    wanted = f"--requirement={DOCKERFILES / 'requirements.txt'}"
    options = ("--quiet", "--no-deps", "--only-binary=:all:", f"--dest={unfinished}")
    run(sys.executable, "-m", "pip", "download", *options, *python, *platforms, "--platform=any", wanted)
    unfinished.replace(folder)
