"""What `import imagespec` offers, and what it costs."""

import importlib
import pkgutil
import subprocess
import sys

import imagespec


def test_all_is_sorted_and_complete() -> None:
    assert imagespec.__all__ == sorted(imagespec.__all__)
    assert {name for name in imagespec.__all__ if getattr(imagespec, name) is None} == set()
    assert dir(imagespec) == imagespec.__all__


def test_names_are_not_hidden_by_submodules() -> None:
    """`imagespec.check` must stay the function after every module was imported."""
    for info in pkgutil.walk_packages(imagespec.__path__, "imagespec."):
        # The C reader can only be imported where the extension was built.
        if not info.name.endswith("__main__") and (
            info.name != "imagespec.tar.native" or imagespec.backend == "c"
        ):
            importlib.import_module(info.name)
    assert callable(imagespec.check)
    assert callable(imagespec.open)
    assert isinstance(imagespec.backend, str)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(imagespec, "no_such_name")


def test_importing_is_cheap() -> None:
    """What opens archives is there; nothing that judges them, decodes layers or prints is imported before it is needed."""
    code = "import sys, imagespec; print([m for m in sys.modules if m.split('.')[0] in %r])"
    heavy = (
        "click",
        "jsonschema",
        "magic",
        "pylibmagic",
        "rich",
        "tree_sitter",
        "zstandard",
        "isal",
    )
    out = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_checking_does_not_import_libmagic() -> None:
    """Importing pylibmagic changes the process; nothing but a question about a file's type may do so."""
    code = (
        "import sys, imagespec; imagespec.check; print('magic' in sys.modules or 'pylibmagic' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
