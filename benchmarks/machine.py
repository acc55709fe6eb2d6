"""The machine, the system and the tools that a result was measured with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

_TOOLS = {
    "tar": ("tar", "--version"),
    "bsdtar": ("bsdtar", "--version"),
    "igzip": ("igzip", "--version"),
    "pigz": ("pigz", "--version"),
    "gzip": ("gzip", "--version"),
    "zstd": ("zstd", "--version"),
    "go": ("go", "version"),
}
_PACKAGES = ("isal", "zstandard", "libarchive-c")


def output_of(*words: str, env: dict[str, str] | None = None) -> str | None:
    """Return what a command prints, on one stream or the other; None where it is missing or fails."""
    if not shutil.which(words[0]):
        return None
    done = subprocess.run(
        words,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(env or {})},
    )
    return None if done.returncode else done.stdout.decode(errors="replace").strip()


def backends() -> tuple[str, ...]:
    """Return the scanner's implementations that are here: ``python``, and ``c`` where the extension was built."""
    names = []
    for setting in ("0", "1"):
        code = "import imagespec; print(imagespec.backend)"
        name = output_of(sys.executable, "-c", code, env={"IMAGESPEC_EXTENSION": setting})
        if name and name not in names:
            names.append(name)
    return tuple(names)


def describe() -> str:
    """Return a Markdown list of everything that a time depends on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return "\n".join(
        (
            f"* {_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB; {_system()}",
            f"* Python {platform.python_version()}; imagespec at {_commit()}, backends: {', '.join(backends())}",
            f"* {'; '.join(_versions())}",
        )
    )


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    system = (
        platform.freedesktop_os_release()["PRETTY_NAME"] if sys.platform == "linux" else platform.system()
    )
    return f"{system}, kernel {platform.release().partition('-')[0]}"


def _commit() -> str:
    commit = output_of("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")
    return commit or "an unknown commit"


def _versions() -> list[str]:
    first_lines = {name: (output_of(*words) or "").partition("\n")[0] for name, words in _TOOLS.items()}
    tools = [f"{line}" if name in line else f"{name} {line}" for name, line in first_lines.items() if line]
    packages = []
    for name in _PACKAGES:
        try:
            packages.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            packages.append(f"no {name}")
    return tools + packages
