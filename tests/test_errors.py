"""The tree in the docstring is the tree of classes."""

import inspect
import re

from imagespec import errors


def test_the_docstring_draws_the_class_tree() -> None:
    assert errors.__doc__
    drawn = re.findall(r"^\s*((?:[│├└─ ]+)?)(\w+Error)\s", errors.__doc__, re.MULTILINE)
    parents: dict[str, str | None] = {}
    trail: list[tuple[int, str]] = []
    for prefix, name in drawn:
        while trail and trail[-1][0] >= len(prefix):
            trail.pop()
        parents[name] = trail[-1][1] if trail else None
        trail.append((len(prefix), name))
    classes = {
        name: (cls.__base__.__name__ if cls.__base__ is not Exception else None)
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.ImageSpecError) and cls.__base__
    }
    assert parents == classes


def test_slugs_are_unique() -> None:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    slugs = [cls.slug for cls in classes if issubclass(cls, errors.ImageSpecError)]
    assert len(slugs) == len(set(slugs))


def test_a_limit_error_says_how_to_raise_the_limit() -> None:
    error = errors.LimitError("layers", 500, 501, "manifest.json")
    assert str(error) == (
        "manifest.json: 501 exceeds layers = 500; if the input can be trusted, raise it with Limits(layers=…)"
    )
