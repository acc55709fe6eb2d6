"""What programs certainly come through before they serve."""

from __future__ import annotations

import pytest

from tests.python_images import listening

ASYNC = "import asyncio\nfrom flask import Flask\nfrom loguru import load, serve\nloop = asyncio.get_event_loop()\n"
GATHERED = "model = loop.run_until_complete(asyncio.gather(*t))[0]\nloop.close()"
AFTER = "\nFlask(__name__).run('0.0.0.0', 8080)\n"


@pytest.mark.parametrize(
    ("body", "open_"),
    [
        ("async def setup():\n    return load('x')\nloop.run_until_complete(setup())", False),
        ("async def setup():\n    return load()\nt = [asyncio.ensure_future(setup())]\n" + GATHERED, False),
        ("loop.run_until_complete(serve())", True),
        ("async def setup():\n    return serve()\nloop.run_until_complete(asyncio.gather(setup()))", True),
        ("loop.run_until_complete(asyncio.gather(*input()))", True),
    ],
)
def test_coroutines_that_are_run_to_their_end(body: str, *, open_: bool) -> None:
    found = listening({"app.py": ASYNC + body + AFTER})
    assert [(one.port, one.certain) for one in found.listeners] == [(8080, True)]
    assert bool(found.gaps) is open_


def test_own_modules_that_are_imported_one_way_or_another() -> None:
    """Where the program has what is imported in ``try``, ``except ImportError`` is never come to."""
    source = (
        "try:\n    from .models import Port\nexcept ImportError:\n    from models import Port\n"
        "from fastapi import FastAPI\napp = FastAPI()\n"
    )
    files = {"web/__init__.py": "", "web/api.py": source, "web/models.py": "class Port: pass\n"}
    line = "uvicorn web.api:app --host 0.0.0.0 --port 8080"
    assert [one.certain for one in listening(files, line).listeners] == [True]
    wide = {**files, "web/api.py": source.replace("ImportError", "Exception")}
    assert [one.certain for one in listening(wide, line).listeners] == [False]
    lacking = listening({**files, "web/models.py": "class Other: pass\n"}, line)
    assert not lacking.listeners
    assert lacking.never
