"""What a file looks like to libmagic, or to our table where there is none."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imagespec.analyzers.programs import filetype
from tests.build import elf

NO_SYSTEM_LIBRARY = """
import ctypes, ctypes.util, sys
sys.path.insert(0, {root!r})
load = ctypes.CDLL.__init__
def refuse(self, name, *args, **named):
    if name and "/" not in name and "magic" in name:
        raise OSError(name)
    load(self, name, *args, **named)
ctypes.CDLL.__init__ = refuse
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if name == "magic" else find(name)
{more}
from imagespec.analyzers.programs import filetype
print(filetype.backend(), "|", filetype.describe(b"\\x7fELF" + bytes(60)))
"""


def run(more: str = "") -> str:
    root = str(Path(__file__).parents[1])
    source = NO_SYSTEM_LIBRARY.format(root=root, more=more)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "content")
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (elf(), "ELF"),
        (b"#!/bin/sh\necho hello\n", "script"),
        (zipped(), "Zip"),
        (b"hello, this is only text\n", "text"),
        (b"", "empty"),
    ],
)
def test_both_descriptions_name_the_kind(head: bytes, word: str) -> None:
    assert word.lower() in filetype.describe(head).lower()
    assert word.lower() in filetype.describe_plainly(head).lower()


def test_text_cut_inside_a_character_is_text() -> None:
    assert filetype.describe_plainly("größe ✓".encode()[:-1]) == "text"
    assert filetype.describe_plainly(b"\xff\xfe\x00\x01 data") == "data"
    assert filetype.describe_plainly(b"ab\0cd") == "data"


def test_a_backend_is_named() -> None:
    assert filetype.backend() in {"libmagic (system)", "libmagic (pylibmagic)", "built-in table"}


def test_pylibmagic_serves_where_the_system_has_none() -> None:
    pytest.importorskip("pylibmagic")
    name, _, text = run().partition(" | ")
    assert name == "libmagic (pylibmagic)"
    assert "ELF" in text


def test_the_table_serves_where_there_is_no_libmagic() -> None:
    assert run("sys.modules['pylibmagic'] = None") == (
        "built-in table | ELF file (by a built-in table, without libmagic)"
    )


def test_importing_the_module_imports_no_libmagic() -> None:
    source = "import imagespec.analyzers.programs.filetype, sys; print('magic' in sys.modules, 'pylibmagic' in sys.modules)"
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.split() == ["False", "False"]
