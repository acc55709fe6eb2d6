from __future__ import annotations

from collections.abc import Mapping

import pytest

from imagespec.analyzers.python.paths import python_paths
from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.source import MODULES, SOURCE_BYTES, WANTED, Source, Sources
from imagespec.analyzers.python.values import Const, text_of
from imagespec.analyzers.startup.steps import Step
from imagespec.analyzers.wanted import compile_wanted
from imagespec.rootfs import RootFs
from tests.build import Item, directory, file, layer, program, rootfs, scan
from tests.python_images import SITE, image


def sources(
    root: RootFs, env: Mapping[str, str | None] | None = None, cwd: str = "/app", first: str = "app"
) -> tuple[Sources, Step]:
    step = Step(
        argv=("python3.11",), program=root.resolve("usr/local/bin/python3.11"), env=env or {}, cwd=cwd
    )
    return Sources(root, python_paths(step, root, first)), step


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app", "source"),
        ("pkg", "source"),
        ("pkg.inner", "source"),
        ("pkg.none", "missing"),
        ("space", "directory"),
        ("space.inner", "source"),
        ("native", "library"),
        ("json", "library"),
        ("sys", "library"),
        ("distutils.core", "library"),
        ("flask", "library"),
        ("flask.views", "library"),
        ("extra", "source"),
        ("vendored", "library"),
        ("only_root", "perhaps"),
        ("none", "missing"),
        ("logging", "source"),
    ],
)
def test_find(name: str, kind: str) -> None:
    own = dict.fromkeys(("app.py", "pkg/__init__.py", "pkg/inner.py", "space/inner.py", "logging.py"), "")
    root = image(
        own,
        file("app/native.cpython-311-x86_64-linux-gnu.so"),
        file("opt/more/extra.py"),
        file("opt/vendor/vendored/__init__.py"),
        file("opt/vendor/vendored-1.0.dist-info/METADATA"),
        file("root/.local/lib/python3.11/site-packages/only_root.py"),
    )
    found, _ = sources(root, {"PYTHONPATH": "/opt/more:/opt/vendor"})
    assert found.find(name).kind == kind
    assert found.exact


@pytest.mark.parametrize(
    ("items", "env", "exact"),
    [
        ([], {}, True),
        ([], {"PYTHONPATH": None}, False),
        ([], {"PYTHONHOME": "/x"}, False),
        ([file(f"{SITE}/x.pth", "/opt/more\n")], {}, True),
        ([file(f"{SITE}/x.pth", "import x\n")], {}, False),
        ([file(f"{SITE}/distutils-precedence.pth", "import os; x = 1")], {}, True),
    ],
)
def test_exact(items: list[Item], env: Mapping[str, str | None] | None, *, exact: bool) -> None:
    root = image({}, *items, file("opt/more/extra.py"))
    found, _ = sources(root, env)
    assert found.exact is exact
    assert (found.find("extra").kind == "source") is any(b"/opt" in item.data for item in items)


def test_incomplete_image_is_never_exact() -> None:
    good = scan(layer(program("usr/local/bin/python3.11"), directory(SITE)))
    root = RootFs([good, None])
    assert not sources(root)[0].exact


def test_what_is_kept() -> None:
    want = compile_wanted(WANTED)
    assert want(b"app/x.py", 10, 0o644) >= SOURCE_BYTES
    assert want(b"app/x.py", SOURCE_BYTES + 1, 0o644) == 0
    assert want(b"usr/lib/python3/dist-packages/flask/app.py", 10, 0o644) == 0
    assert want(b"app/gunicorn.conf.py", 10, 0o644) > 0
    assert want(b"venv/pyvenv.cfg", 10, 0o644) > 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("(((", "cannot be parsed"),
        (b"\xff\xfe", "cannot be parsed"),
        ("x\0", "cannot be parsed"),
        ("-" * 200_000 + "1", "nested too deeply"),
        ("x = 1\n" * (SOURCE_BYTES // 6 + 1), "bytes, more than"),
    ],
)
def test_unreadable_sources(data: str | bytes, reason: str) -> None:
    found, _ = sources(image({"x.py": data if isinstance(data, str) else ""}))
    loaded = found.load("app/x.py") if isinstance(data, str) else found.parse(data, "x", 0)
    assert isinstance(loaded, str)
    assert reason in loaded or "cannot be parsed" in loaded


def test_source_that_was_not_kept() -> None:
    raw = layer(program("usr/local/bin/python3.11"), file("app/x.py", "x = 1"))
    found, _ = sources(RootFs([scan(raw, None)]))
    assert found.load("app/x.py") == "was not kept when the layer was read"


def test_number_of_modules_is_bounded() -> None:
    files = {f"m{number}.py": f"import m{number + 1}" for number in range(MODULES + 5)}
    files |= {"app.py": "\n".join(f"import n{number}" for number in range(MODULES + 5))}
    files |= {f"n{number}.py": "" for number in range(MODULES + 5)}
    found, step = sources(image(files))
    run = Program(step, found)
    run.run_file("app/app.py")
    assert run.doubt
    assert run.gaps[0].message.endswith("beyond the number or size of sources that are followed")
    assert len(run.modules) <= MODULES + 1
    assert isinstance(found.parse("x", "x", 0), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = 'a' + 'b'", "ab"),
        ("x = f'{1 + 1}:{\"y\"}'", "2:y"),
        ("x = 'a{}b{k}'.format(1, k='z')", "a1bz"),
        ("x = ' A '.strip().lower()", "a"),
        ("x = 'a:b'.split(':')[1]", "b"),
        ("x = {'k': 'v'}['k']", "v"),
        ("x = {'k': 'v'}.get('n', 'd')", "d"),
        ("x = 'a' if 1 > 2 else 'b'", "b"),
        ("x = None or 'd'", "d"),
        ("x, y = 'a', 'b'", "a"),
        ("def f(a, b='d'):\n    return a + b\nx = f('c')", "cd"),
        ("class A:\n    k = 'v'\n    def m(self):\n        return self.k\nx = A().m()", "v"),
        ("import os\nos.environ['N'] = 'n'\nx = os.getenv('N')", "n"),
        ("import os\nx = os.environ.get('E', 'd')", "e"),
        ("import os\nx = os.environ.get('U', 'd')", None),
        ("import os\nx = os.path.join('/a', 'b')", "/a/b"),
        ("x = 'a'\nif input():\n    x = 'b'", None),
        ("x = 'a'\nif input():\n    x = 'a'", "a"),
        ("x = 'a'\nfor i in input():\n    x = 'b'", None),
        ("x = ''\nfor i in ('a', 'b'):\n    x = x + i", "ab"),
        ("try:\n    x = 'a'\n    input()\nexcept ValueError:\n    x = 'b'", None),
        ("x = 'a'\ndef f():\n    global x\n    x = 'b'\nf()", "b"),
        ("x = 'a'\ndef f():\n    global x\n    x = 'b'\nif input():\n    f()", None),
        ("d = {'k': 'v'}\nd.update(input())\nx = d['k']", None),
        ("x = '%s:%d' % ('a', 1)", "a:1"),
        ("x = '%5s' % 'a'", None),
        ("x = '%s' % input()", None),
        ("x = input()", None),
    ],
)
def test_constants(text: str, value: str | None) -> None:
    found, step = sources(image({"app.py": text}), {"E": "e", "U": None})
    run = Program(step, found)
    module = run.run_file("app/app.py")
    assert module is not None
    assert text_of(module.scope.names["x"]) == value
    assert run.gaps == []


def test_main_name() -> None:
    found, step = sources(image({"app.py": "x = __name__\nimport other", "other.py": "y = __name__"}))
    run = Program(step, found)
    run.run_file("app/app.py")
    assert run.modules["__main__"].scope.names["x"] == Const("__main__")
    assert run.modules["other"].scope.names["y"] == Const("other")


def test_parsed_source_keeps_its_layer() -> None:
    root = rootfs([directory("app")], [file("app/x.py", "x = 1")])
    loaded = sources(root)[0].load("app/x.py")
    assert isinstance(loaded, Source)
    assert loaded.layer == 1
