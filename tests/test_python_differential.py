"""What following a Python program without running it says of its calls, against CPython, over random programs."""

from __future__ import annotations

from collections import Counter

import pytest

from imagespec.analyzers.python.program import Program
from imagespec.analyzers.python.values import Call, Const
from tests.python_images import image
from tests.python_programs import CONF, Served, run_program, write_program
from tests.test_pysource import sources

_ENVIRONMENTS = (
    {"N": "8080", "M": "9000", "U": "1"},
    {"N": "1", "U": "0", "T": "9"},
    {"N": "0", "M": "8080", "U": "1", "T": "8080"},
)
_PARTS = 8
_PROGRAMS = 60
"""Of each part; a search for new differences takes ten thousand."""


def _follow(source: str) -> Program:
    root = image({"app.py": source, "conf.py": CONF}, packages=("sink",))
    found, step = sources(root, dict.fromkeys("NMUT"))
    program = Program(step, found)
    program.run_file("app/app.py")
    return program


def _served(program: Program) -> dict[int, list[Call]]:
    lines: dict[int, list[Call]] = {}
    for call in program.calls:
        if call.name == "sink.serve":
            assert call.place.line is not None
            lines.setdefault(call.place.line, []).append(call)
    return lines


def _contradictions(program: Program, run: Served) -> list[str]:
    """Return what was said for certain of a run that it did otherwise."""
    real: dict[int, set[object]] = {}
    for line, value in run.calls:
        real.setdefault(line, set()).add(value)
    found = []
    said = _served(program)
    for line, calls in said.items():
        sure = [call for call in calls if call.certain]
        if sure and line not in real:
            found.append(f"line {line}: the call is certain, and was never made")
        for call in sure or calls:
            value = call.args[0]
            alone = len(calls) == 1 and not program.gaps
            if not isinstance(value, Const) or not (sure or alone) or line not in real:
                continue
            if value.value not in real[line] or (alone and real[line] != {value.value}):
                found.append(f"line {line}: {value.value!r} is said, and was {real[line]}")
    if not program.gaps and not program.stopped:
        found += [f"line {line}: this call was not seen" for line in real.keys() - said.keys()]
    return found


@pytest.mark.parametrize("part", range(_PARTS))
def test_no_certain_call_differs_from_a_run(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(part * _PROGRAMS, (part + 1) * _PROGRAMS):
        source = write_program(seed)
        program = _follow(source)
        for environment in _ENVIRONMENTS:
            run = run_program(source, environment)
            if run.error is not None and not isinstance(run.error, ValueError):
                seen["not compared"] += (
                    1  # errors that ordinary programs do not have: a name not bound yet, an index
                )
                continue
            seen["compared"] += 1
            wrong = _contradictions(program, run)
            assert not wrong, f"program {seed} with {environment}: {wrong}\n{source}"
        seen["values known"] += sum(
            isinstance(call.args[0], Const) for call in program.calls if call.name == "sink.serve"
        )
    assert seen["compared"] > seen["not compared"]
    assert seen["values known"] > _PROGRAMS, "nothing is learned from a follower that knows nothing"
