"""A million empty files: what a member costs, in time and in memory."""

from __future__ import annotations

from benchmarks import contenders, inputs, measure


def scenarios() -> list[measure.Scenario]:
    """Return the comparison for plain headers, and for members that each have a PAX header before them."""
    return [_scenario("plain headers", with_pax=False), _scenario("a PAX time for each", with_pax=True)]


def _scenario(title: str, *, with_pax: bool) -> measure.Scenario:
    path = inputs.headers_only(with_pax=with_pax)
    kind = "pax" if with_pax else "plain"
    return measure.Scenario(
        f"1,000,000 members, {title}",
        (
            *contenders.ours("memory", kind, label="from memory"),
            *contenders.ours("ours", str(path), label="from a file"),
            *contenders.tools(("tar", "-tf", str(path))),
            *contenders.go_lister(path),
        ),
        "tar -tf",
        ("seconds are microseconds a member; memory is that of the whole process",),
    )


if __name__ == "__main__":
    measure.main("headers_only", scenarios, rounds=5)
