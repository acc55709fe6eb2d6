"""Random scripts: what following them calls certain must be what dash and bash really run, and nothing else may run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.shellscripts import Scripts, disagreement, follow, really_runs


@pytest.mark.parametrize("first", range(5_000, 5_100, 20))
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_following_agrees_with_the_shell(shell: str, first: int, tmp_path: Path) -> None:
    if not all(Path(f"/bin/{name}").exists() for name in ("dash", "bash")) or not shutil.which("sync"):
        pytest.skip("there is no dash or bash here")
    for seed in range(first, first + 20):
        script = Scripts(seed, shell).script()
        real = really_runs(script, shell, tmp_path)
        wrong = disagreement(follow(script, shell), real) if real is not None else None
        assert wrong is None, f"seed {seed}: {wrong}\n{script}"


@pytest.mark.parametrize(
    "script",
    [
        "f() { cat /none && return; X=2; }\nX=1; f; sync $X\nsync end\n",
        "X=1; for i in a; do cat /none && break; X=2; done; sync $X\n",
        "f() { local X=2; Y=3; }\nX=1; f; sync $X $Y\n",
        "X=1; cat /none && export X; sync x\n",
        "cat /none && set -a; X=1; sync x\n",
        "for i in a b c; do for j in 1 2; do [ $i = b ] && continue; sync $i $j; done; done\n",
        "set -- --port 80 --host h; while [ $# -gt 0 ]; do case $1 in --port) P=$2; shift 2;; *) shift;; esac; done; sync $P $#\n",
        "set -e; ( false ); sync x\n",
        "set -e; true && false; sync x\n",
        "set -e; f() { false; sync a; }; f || sync b; sync c\n",
        "set -e; sync p | false; sync x\n",
        "set -u; sync a; sync $NEVER; sync b\n",
        "break; continue; sync a\n",
        "shift; sync a\n",
        "return; sync a\n",
        "[ a b c d ]; [ -z '' -o = b ] && sync no; sync end\n",
        "! { sync a; } && sync b\nsync c\n",
        "sync <<E\nx\nE ;;\nsync b\n",
        "X=1 Y=$X; sync $Y; X=2 Y=$X sync y\n",
        "readonly X=1; X=2; sync $X\n",
        "cat /none && { trap 'sync t $X' EXIT; }; X=5; cd /usr; sync x\n",
        "sync ${N:-'p q'} ${N:-p q} \"${N:-'p q'}\"\n",
        "f() { set -- z; shift; }\nset -- a b; f; sync $@\n",
        "while :; do sync a; cat /none && break; exit; done; sync b\n",
    ],
)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_scripts_that_were_wrong(script: str, shell: str, tmp_path: Path) -> None:
    real = really_runs(script, shell, tmp_path)
    assert real is not None
    assert disagreement(follow(script, shell), real) is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a=(--port 80); a+=('x y'); exec sync \"${a[@]}\"", ("--port", "80", "x y")),
        ('a=(1); cat /none && a=(2); sync "${a[@]}"', (None,)),
        ('sync ${1+"$@"} x', ("x",)),
    ],
)
def test_arrays(script: str, expected: tuple[str | None, ...], tmp_path: Path) -> None:
    found = follow(script, "bash")
    assert found.steps[-1].argv[1:] == expected
    assert disagreement(found, really_runs(script, "bash", tmp_path) or []) is None


@pytest.mark.parametrize(
    "word",
    [
        "${A//o/x}", "${A/e}", '"${X// /_}"', "${Y//\\//-}", "${Y/b/cc}", "${Y//_/:}", '"${X/a/ }"', "${N//a/b}", "${Y/./,}",
        "${Y//b/b}", "${A//one/}", "${Y//+/=}", "$(uname -s)", "$(uname)", "${Y//\\./-}", "${Y/#a/x}", "${Y//[a-c]/x}",
        "${Y//a/$A}", "${Y//a/&}", "${Y//a/'q'}", '"${X//a b/c}"',
    ],
)  # fmt: skip
def test_replacing_in_bash(word: str, tmp_path: Path) -> None:
    script = f"X='a b a'\nY=a/b_a.b+c\nsync {word}\n"
    real = really_runs(script, "bash", tmp_path)
    assert real is not None
    assert disagreement(follow(script, "bash"), real) is None


@pytest.mark.parametrize("word", ["${A//o/x}", '"${A/n/}"', "${Y//\\//-}"])
def test_what_is_replaced_is_known(word: str, tmp_path: Path) -> None:
    script = f"Y=a/b\nsync {word}\n"
    assert [step.argv[1:] for step in follow(script, "bash").steps if step.argv[0] == "sync"] == [
        run[0] for run in really_runs(script, "bash", tmp_path) or ()
    ]
