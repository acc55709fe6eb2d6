"""What Python raises on known values before a program serves, and what does not count as that."""

from __future__ import annotations

import tracemalloc

import pytest

from imagespec.analyzers.python.argumentchecks import refused_arguments
from tests.python_images import listening

SERVED = "\nfrom flask import Flask\napp = Flask(__name__)\napp.run(host='0.0.0.0', port=8080)\n"
REFUSED = (
    "x = {'a': 1}['b']",
    "import os\nx = os.environ.get('NOPE').split(',')",
    "import os\nx = int(os.getenv('NOPE') + '1')",
    "a, b = (1, 2, 3)",
    "def f(a): return a\nf()",
    "class A:\n    def __enter__(self): raise ValueError\n    def __exit__(self, *a): pass\nwith A():\n    pass",
    "class A:\n    def __init_subclass__(cls): raise TypeError\nclass B(A): pass",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: list = []",
    "n = 1\ndef f():\n    n += 1\nf()",
    "try:\n    x = [][0]\nexcept ValueError:\n    x = 1",
    "import os\nos.kill(os.getpid(), 9)",
    "from pathlib import Path\nx = Path('nope').read_text()",
    "def f(x: Missing): pass",
    "import logging\nlogging.basicConfig(level='LOUD')",
)
FINE = (
    "try:\n    x = {}['b']\nexcept KeyError:\n    x = 1",
    "try:\n    x = [][0]\nexcept LookupError:\n    x = 1",
    "import os\nx = (os.environ.get('NOPE') or 'a').split(',')",
    "from __future__ import annotations\ndef f(x: Missing): pass",
    "def f(*a, **k): pass\nf(1, b=2)",
    "x = {}\nx['a'] = 1\ny = x['a']",
    "import third\nx = {}\nthird.fill(x)\ny = x['a']",
    "def f(x: int | None = None): pass\nf()",
    "class A:\n    def __enter__(self): return self\n    def __exit__(self, *a): pass\nwith A() as a:\n    pass",
    "match 5:\n    case n: print(n)",
    "x = [i for i in range(3)]\nprint(x[2])",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nothing_here",
)


@pytest.mark.parametrize("source", REFUSED)
def test_what_raises_keeps_a_server_from_being_certain(source: str) -> None:
    found = listening({"app.py": source + SERVED})
    assert not any(one.certain for one in found.listeners)
    assert (found.gaps or found.never)[0].line is not None


@pytest.mark.parametrize("source", FINE)
def test_what_does_not_raise_leaves_it_certain(source: str) -> None:
    packages = ("flask", "third")
    found = listening({"app.py": source + SERVED}, packages=packages)
    assert ([one.certain for one in found.listeners], found.gaps) == ([True], ())


@pytest.mark.parametrize(
    ("line", "served"),
    [
        ("python app.py", False),
        ("python app.py --model x", True),
        ("python app.py --mod x", True),
        ("python app.py --model x --n y", False),
        ("python app.py --model x extra", False),
        ("python app.py --model x --help", False),
    ],
)
def test_arguments_are_tried(line: str, *, served: bool) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--model', required=True)\np.add_argument('--n', type=int)\np.parse_args()\n"
    found = listening({"app.py": source + SERVED}, line)
    assert ([one.certain for one in found.listeners], bool(found.never)) == (
        [True] if served else [],
        not served,
    )


def test_a_parser_that_is_not_known_refuses_nothing() -> None:
    assert refused_arguments(None, (), ["--x"]) is None


_LISTS = "x = [{}]\ny = [{}]\nz = [{}]\nz + z\nz + z\n".format(
    ",".join("1" * 200), ",".join("x" * 200), ",".join("y" * 200)
)
_PARSER = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--a', {})\np.parse_args()\n"


@pytest.mark.parametrize(
    "text",
    [
        "x = '%2000000000d' % 1",
        "x = b'%(a)2000000000d' % {b'a': 1}",
        "x = '%*d' % (2000000000, 1)",
        "x = round(5, -2000000000)",
        _LISTS,
        _PARSER.format("nargs=2000000000"),
        _PARSER.format("action='version', version='%(prog)2000000000s'"),
        "l = []\nl.append(l)\n" + _PARSER.format("choices=l"),
    ],
)
def test_what_little_text_would_make_large_is_not_computed(text: str) -> None:
    tracemalloc.start()
    try:
        listening({"app.py": text + SERVED}, "python app.py --a")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
