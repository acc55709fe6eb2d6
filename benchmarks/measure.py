"""
Run contenders by turns and compare them: the tool that every scenario here uses.

Each contender is a process. In every round each of them runs once, and the order rotates, so that whatever else the
machine does meets all of them alike. One round goes before and is thrown away. A contender that can measure its own
work prints ``seconds WALL CPU``; then those are its times, and the whole process is shown beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from benchmarks import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
_MIB = 1 << 20
_KIB = 1 << 10


@attrs.frozen
class Contender:
    """One way to do the work of a scenario."""

    name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    piped_from: Path | None = None
    """A file that arrives at the contender's standard input through a pipe."""
    before: Callable[[], object] | None = None
    """Called before each run, outside the measured time."""
    statuses: tuple[int, ...] = (0,)
    """Exit statuses that mean that the work was done."""


@attrs.frozen
class Sample:
    """One run: times in seconds, memory in bytes."""

    process: float
    """Wall-clock time of the whole process."""
    inside: float | None
    """What the contender says that its work took."""
    cpu: float
    """User and system time, of the work where the contender says it and of the process otherwise."""
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Return the time of the work itself, as far as it is known."""
        return self.process if self.inside is None else self.inside


@attrs.frozen
class Scenario:
    """What is compared, and with which contender the others are compared."""

    title: str
    contenders: tuple[Contender, ...]
    baseline: str
    notes: tuple[str, ...] = ()


def run_once(contender: Contender) -> Sample:
    """Run a contender once; raises RuntimeError when it fails."""
    if contender.before:
        contender.before()
    feeder = contender.piped_from and subprocess.Popen(["cat", contender.piped_from], stdout=subprocess.PIPE)
    # What others print goes nowhere, so that no reader works beside them.
    output = subprocess.PIPE if "benchmarks.subjects" in contender.command else subprocess.DEVNULL
    started = time.perf_counter()
    process = subprocess.Popen(
        contender.command,
        stdin=feeder.stdout if feeder else subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env={**os.environ, **dict(contender.env)},
    )
    if feeder and feeder.stdout:
        feeder.stdout.close()  # so that `cat` ends when the contender does
    assert process.stderr is not None
    with process.stderr, process.stdout or contextlib.nullcontext():
        said = process.stdout.read() if process.stdout else b""
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if feeder:
        feeder.wait()
    if process.returncode not in contender.statuses:
        tail = complaint.decode(errors="replace")[-500:]
        raise RuntimeError(f"{contender.name} ended with {process.returncode}: {tail}")
    inside, cpu = None, usage.ru_utime + usage.ru_stime
    if said:
        inside, cpu = map(float, said.split()[1:])
    return Sample(elapsed, inside, cpu, usage.ru_maxrss * _KIB)


def run(contenders: Sequence[Contender], rounds: int) -> dict[str, list[Sample]]:
    """Run all contenders by turns: once to warm up, then ``rounds`` times."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(rounds + 1):
        start = number % len(contenders)
        for contender in (*contenders[start:], *contenders[:start]):
            sample = run_once(contender)
            if number:
                samples[contender.name].append(sample)
    return samples


def table(samples: dict[str, list[Sample]], baseline: str) -> str:
    """Return a Markdown table: times in seconds, memory in MiB, ratios to the baseline by minimum, median and CPU."""
    lines = [
        "| | min | median | spread | CPU | whole process | peak MiB | ÷ baseline: min | median | CPU |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    base = [sample.seconds for sample in samples[baseline]]
    base_cpu = min(sample.cpu for sample in samples[baseline])
    for name, runs in samples.items():
        times = [sample.seconds for sample in runs]
        cpu = min(sample.cpu for sample in runs)
        label = name.replace("|", "\\|")
        cells = (
            f"**{label}**" if name == baseline else label,
            _seconds(min(times)),
            _seconds(statistics.median(times)),
            f"{(max(times) - min(times)) / statistics.median(times):.0%}",
            _seconds(cpu),
            _seconds(min(sample.process for sample in runs)),
            _memory(max(sample.peak_bytes for sample in runs)),
            f"{min(times) / min(base):.2f}",
            f"{statistics.median(times) / statistics.median(base):.2f}",
            f"{cpu / base_cpu:.2f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.2f}"


def _memory(peak_bytes: int) -> str:
    # Linux gives a child the peak of the process that started it, so less than our own cannot be told.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return f"≤ {own / _MIB:.0f}" if peak_bytes <= own else f"{peak_bytes / _MIB:.0f}"


def report(scenario: Scenario, rounds: int) -> str:
    """Run one scenario and return its results as Markdown, with what is needed to judge them."""
    before = os.getloadavg()[0]
    text = table(run(scenario.contenders, rounds), scenario.baseline)
    conditions = (
        f"{rounds} rounds by turns after one to warm up; baseline **{scenario.baseline}**; "
        f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    return (
        f"#### {scenario.title}\n\n{text}\n\n"
        + "\n".join(f"* {fact}" for fact in (conditions, *scenario.notes))
        + "\n"
    )


def main(name: str, build: Callable[[], Sequence[Scenario]], *, rounds: int = 7) -> None:
    """Run the scenarios of one file as a command: ``--rounds`` and ``--record``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--rounds", type=int, default=rounds, help="measured rounds (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    arguments = parser.parse_args()
    scenarios = build()
    heading = f"### {name}, {dt.datetime.now(tz=dt.UTC).date()}\n\n{machine.describe()}\n"
    print(heading)
    parts = [heading]
    for scenario in scenarios:
        parts.append(report(scenario, arguments.rounds))
        print(parts[-1], flush=True)
    if arguments.record:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(parts))
