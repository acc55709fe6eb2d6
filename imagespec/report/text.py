"""A report as text for people: verdicts first, each with the evidence that it stands on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from imagespec.results import ImageReport, InputReport, Problem, Report, RuleResult
from imagespec.text import human_bytes, printable, shorten
from imagespec.verdict import Evidence, Verdict

_STYLES = {
    Verdict.PASS: ("PASS", "bold green"),
    Verdict.FAIL: ("FAIL", "bold red"),
    Verdict.UNKNOWN: ("UNKNOWN", "bold yellow"),
    Verdict.NOT_APPLICABLE: ("n/a", "dim"),
}
_VERDICT_WIDTH = 9
_EVIDENCE_SHOWN = 4
_FINDINGS_SHOWN = 8


def render_report(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print every input with its images and verdicts, and a closing line."""
    for item in report.inputs:
        _render_input(item, console, verbose=verbose)
    _line(
        console,
        Text.assemble(
            ("Profile ", "dim"), f"{report.profile}: {report.profile_title}; {report.service} service"
        ),
    )
    _line(console, _closing(report))


def _render_input(item: InputReport, console: Console, *, verbose: bool) -> None:
    kind = f"  {item.container}" if item.container else ""
    _line(console, Text.assemble((printable(item.name), "bold"), (kind, "dim")))
    for problem in item.problems:
        _line(console, _problem(problem))
    for note in item.notes:
        _line(console, Text.assemble(("NOTE     ", "bold blue"), printable(note)))
    console.print()
    for image in item.images:
        _render_identity(image, console, several=len(item.images) > 1)
        for result in image.results:
            _render_result(result, console, verbose=verbose)
        for problem in image.problems:
            _line(console, _problem(problem))
        for text in _findings(image):
            _line(console, text)
        console.print()


def _render_identity(image: ImageReport, console: Console, *, several: bool) -> None:
    sizes = image.sizes
    number = f"  @{image.number}" if several else ""
    _line(
        console,
        Text.assemble(
            ("image  ", "dim"),
            (", ".join(map(printable, image.references)) or "(untagged)", "bold"),
            (number, "dim"),
        ),
    )
    _line(
        console,
        Text.assemble(
            ("       ", "dim"),
            (f"{image.image_id or '(no image ID)'}  {printable(image.platform or '')}", "dim"),
        ),
    )
    parts = [
        f"{len(image.layers)} layers",
        f"{human_bytes(sizes.docker_bytes)} unpacked as Docker counts it",
        f"{human_bytes(sizes.merged_bytes)} visible",
        f"{human_bytes(sizes.wasted_bytes)} hidden by later layers",
    ]
    if sizes.compressed_bytes is not None:
        parts.append(f"{human_bytes(sizes.compressed_bytes)} compressed")
    _line(console, Text("       " + ", ".join(parts), style="dim"))
    console.print()


def _render_result(result: RuleResult, console: Console, *, verbose: bool) -> None:
    outcome = result.outcome
    word, style = _STYLES[outcome.verdict]
    head = Text.assemble(
        (word.ljust(_VERDICT_WIDTH), style), (result.rule.ljust(19), "bold"), printable(outcome.summary)
    )
    _line(console, head, hanging=_VERDICT_WIDTH + 19)
    shown = outcome.evidence if verbose else outcome.evidence[:_EVIDENCE_SHOWN]
    for item in shown:
        _line(console, _evidence(item), indent=_VERDICT_WIDTH + 2, hanging=2)
    if len(shown) < len(outcome.evidence):
        more = f"… {len(outcome.evidence) - len(shown)} more with --verbose"
        _line(console, Text(more, style="dim"), indent=_VERDICT_WIDTH + 2)
    if outcome.advice and outcome.verdict is not Verdict.PASS:
        _line(
            console,
            Text(f"→ {printable(outcome.advice)}", style="cyan"),
            indent=_VERDICT_WIDTH + 2,
            hanging=2,
        )


def _evidence(item: Evidence) -> Text:
    # What the sentence already says is not said again.
    seen = item.seen if item.seen is not None and item.seen not in item.message else None
    wanted = item.wanted if item.wanted is not None and item.wanted not in item.message else None
    message = printable(item.message)
    text = Text("- ", style="dim")
    text.append(shorten(message.rstrip(".") if seen or wanted else message), style="default")
    if seen is not None:
        text.append(f": {shorten(printable(seen))}", style="default")
    if wanted is not None:
        text.append(f" (wanted: {shorten(printable(wanted))})")
    place = _place(item)
    if place:
        text.append(f"  [{place}]")
    return text


def _place(item: Evidence) -> str:
    parts = []
    if item.path is not None:
        line = f":{item.line}" if item.line else ""
        parts.append(printable(item.path) + line)
    if item.pointer is not None:
        parts.append(printable(item.pointer))
    if item.layer is not None:
        parts.append(f"layer {item.layer}")
    return ", ".join(parts)


def _problem(problem: Problem) -> Text:
    return Text.assemble(("PROBLEM  ", "bold magenta"), printable(problem.message))


def _findings(image: ImageReport) -> Iterator[Text]:
    counts = Counter((finding.code, finding.message, layer) for layer, finding in image.findings)
    for (code, message, layer), count in counts.most_common(_FINDINGS_SHOWN):
        times = f" ({count} times)" if count > 1 else ""
        yield Text.assemble(
            ("NOTE     ", "bold blue"),
            (code, "bold"),
            f"  {printable(message)}{times}",
            (f"  [layer {layer}]", "dim"),
        )
    if len(counts) > _FINDINGS_SHOWN:
        yield Text(
            f"         … {len(counts) - _FINDINGS_SHOWN} further kinds of findings in the JSON report",
            style="dim",
        )


def _closing(report: Report) -> Text:
    counts = report.counts()
    words = {
        Verdict.PASS: "passed",
        Verdict.FAIL: "failed",
        Verdict.UNKNOWN: "unknown",
        Verdict.NOT_APPLICABLE: "not applicable",
    }
    text = Text(", ".join(f"{counts[verdict]} {word}" for verdict, word in words.items()), style="bold")
    if not report.complete:
        text.append("; incomplete: something could not be read, see PROBLEM", style="bold magenta")
    return text


def _line(console: Console, text: Text, *, indent: int = 0, hanging: int = 0) -> None:
    """Print one paragraph: wrapped to a terminal with a hanging indent, in one line anywhere else."""
    if not console.is_terminal:
        console.print(" " * indent, text, sep="", soft_wrap=True, highlight=False)
        return
    width = max(console.width - indent - hanging, 20)
    for number, part in enumerate(text.wrap(console, width)):
        part.rstrip()
        console.print(" " * (indent + (hanging if number else 0)), part, sep="", highlight=False)
