"""A module imports only from floors below its own, or from its own folder."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "imagespec"

# docs/design.md, "Floors"; a name stands for the module or for everything in the folder.
FLOORS = [
    {
        "errors",
        "limits",
        "digest",
        "mediatypes",
        "text",
        "references",
        "verdict",
        "zstdframes",
        "streams",
        "codec",
        "compression",
        "decoders",
        "_version",
    },
    {"tar", "documents"},
    {
        "entry",
        "access",
        "tarbytes",
        "scan",
        "parallel",
        "toc",
        "content",
        "layer",
        "layerfiles",
        "image",
        "choosing",
        "nodes",
        "layeroddities",
        "layertree",
        "layerhistory",
        "accounting",
        "layerstack",
        "rootfs",
        "rootdiff",
        "imagepath",
        "extraction",
        "layerscans",
        "sharedscans",
        "sources",
    },
    {"analyzers"},
    {"rules"},
    {"profiles", "results", "engine", "opening", "api"},
    {"report", "cli", "__main__"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS, 1) for name in names}
# Within a floor the order is part of the design, too.
SAME_FLOOR = {
    "compression": {"codec", "decoders", "streams", "errors", "limits"},
    "decoders": {"codec", "streams", "zstdframes", "errors", "limits"},
    "zstdframes": {"errors", "limits"},
    "scan": {"access", "tarbytes"},
    "content": {"entry", "scan", "tarbytes"},
    "parallel": {"scan"},
    "toc": {"access", "scan", "tarbytes"},
    "layer": {"scan"},
    "layeroddities": {"nodes"},
    "layertree": {"layeroddities", "nodes"},
    "layerhistory": {"entry", "layertree", "nodes"},
    "layerstack": {"entry", "scan", "layertree", "nodes"},
    "accounting": {"nodes"},
    "rootfs": {"accounting", "content", "entry", "layer", "layerhistory", "layerstack", "nodes", "scan"},
    "rootdiff": {"entry", "rootfs"},
    "imagepath": {"entry", "nodes", "rootfs"},
    "extraction": {"entry", "rootfs"},
    "layerfiles": {"entry", "nodes", "scan"},
    "layerscans": {"layer", "parallel", "scan"},
    "image": {"layer", "layerscans", "imagepath", "rootfs", "scan"},
    "sharedscans": {"image", "layer", "parallel", "scan"},
    "choosing": {"image"},
    "sources": {"access", "scan", "layer", "image", "choosing", "toc"},
    "engine": {"profiles", "results"},
    "api": {"profiles", "results", "engine", "opening"},
    "cli": {"report"},
    "__main__": {"cli"},
}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def home(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imported(tree: ast.AST) -> set[str]:
    """Return the modules of ours that a module names anywhere, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "imagespec":
                names |= {f"imagespec.{alias.name}" for alias in node.names}
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("imagespec.")}


def forbidden(source: str, own: str) -> set[str]:
    allowed_here = SAME_FLOOR.get(own, {"errors", "limits"} if FLOOR[own] == 1 else set())
    return {
        name
        for name in imported(ast.parse(source))
        if name != own and not FLOOR[name] < FLOOR[own] and name not in allowed_here
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    assert not forbidden(path.read_text(), home(path))


def test_every_module_has_a_floor() -> None:
    assert {home(path) for path in MODULES} == set(FLOOR)


def test_an_upward_import_is_found() -> None:
    assert forbidden("from imagespec.rules import ALL", "tar") == {"rules"}
    assert forbidden("def f():\n    from imagespec import sources", "rules") == set()
    assert forbidden("import imagespec.cli.check", "report") == {"cli"}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if home(path) == "rules"], ids=lambda path: path.name
)
def test_rules_know_no_sources(path: Path) -> None:
    assert not imported(ast.parse(path.read_text())) & {"sources", "tar", "compression"}
