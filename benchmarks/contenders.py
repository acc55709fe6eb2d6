"""The contenders that several scenarios share."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import inputs, machine
from benchmarks.measure import Contender

_LISTER = """\
package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"strings"
)

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	var source io.Reader = file
	if strings.HasSuffix(os.Args[1], ".gz") {
		source, err = gzip.NewReader(file)
		check(err)
	}
	for archive := tar.NewReader(source); ; {
		if _, err := archive.Next(); err == io.EOF {
			return
		} else {
			check(err)
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
"""


def subject(
    name: str, *arguments: str, label: str | None = None, before: Callable[[], object] | None = None
) -> Contender:
    """Return something that runs in a Python process of its own and is timed inside."""
    command = (sys.executable, "-m", "benchmarks.subjects", name, *arguments)
    return Contender(label or name, command, before=before)


def ours(
    *arguments: str, label: str = "imagespec", before: Callable[[], object] | None = None
) -> list[Contender]:
    """Return one contender for each implementation that is here of a subject of ours."""
    command = (sys.executable, "-m", "benchmarks.subjects", *arguments)
    return each_backend(Contender(label, command, before=before))


def each_backend(contender: Contender) -> list[Contender]:
    """Return a contender with each implementation of the scanner that is here."""
    setting = {"python": "0", "c": "1"}
    return [
        Contender(
            f"{contender.name}, {name}",
            contender.command,
            (*contender.env, ("IMAGESPEC_EXTENSION", setting[name])),
            contender.piped_from,
            contender.before,
            contender.statuses,
        )
        for name in machine.backends()
    ]


def tools(*commands: tuple[str, ...], before: Callable[[], object] | None = None) -> list[Contender]:
    """Return the commands whose program is here; a name is the command without the file, its last word."""
    return [
        Contender(" ".join(words[:-1]), words, before=before) for words in commands if shutil.which(words[0])
    ]


def libarchive(path: Path) -> list[Contender]:
    """Return libarchive through Python, where it is installed."""
    if not importlib.util.find_spec("libarchive"):
        return []
    return [subject("libarchive", str(path), label="libarchive-c")]


def go_lister(path: Path, *, before: Callable[[], object] | None = None) -> list[Contender]:
    """Return a lister on Go's archive/tar, built on the spot where there is a Go toolchain."""
    if not shutil.which("go"):
        return []
    build = inputs.directory() / "golister"
    program = build / "golister"
    source = build / "main.go"
    if not source.exists() or source.read_text(encoding="utf-8") != _LISTER or not program.exists():
        build.mkdir(exist_ok=True)
        source.write_text(_LISTER, encoding="utf-8")
        subprocess.run(["go", "build", "-o", program, source], check=True)
    return [Contender("Go archive/tar", (str(program), str(path)), before=before)]
