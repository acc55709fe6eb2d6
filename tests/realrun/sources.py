"""
The images of the set, each in one text file of `images/COLLECTION/`: what it is about, the service, and its files.

A file begins with a sentence and a line `service: real-time` or `service: batch`; then every line `-- PATH --` begins a
file of the build context, as Go's txtar does (golang.org/x/tools/txtar).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs

HERE = Path(__file__).resolve().parent
_SECTION = re.compile(r"^-- (\S+) --\n", re.MULTILINE)


@attrs.frozen
class ImageSource:
    """One image: its name, why it is in the set, and the files that it is built from."""

    name: str
    collection: str
    """The directory that it is in."""
    about: str
    service: str
    """``real-time`` or ``batch``: what the image is judged as."""
    files: dict[str, str]

    @property
    def base(self) -> str:
        """Return the tag of the image that it is built on."""
        return self.files["Dockerfile"].removeprefix("FROM ").split("\n", 1)[0]

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Return method and URL of every interface of the image's config.json."""
        return [(api["method"].upper(), api["url"]) for api in self._config["apis"]]

    @property
    def health(self) -> str:
        """Return the URL of the health check."""
        url: str = self._config["health"]["url"]
        return url

    @property
    def _config(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.files["config.json"])
        return document

    def write_context(self, directory: Path) -> None:
        """Write the build context."""
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def load_sources() -> list[ImageSource]:
    """Return every image, by collection and name."""
    return [_parse(path) for path in sorted((HERE / "images").glob("*/*.txt"))]


def _parse(path: Path) -> ImageSource:
    head, *parts = _SECTION.split(path.read_text(encoding="utf-8"))
    about, _, service = head.rstrip("\n").rpartition("\nservice: ")
    files = dict(zip(parts[::2], parts[1::2], strict=True))
    if not about or service not in {"real-time", "batch"} or "Dockerfile" not in files:
        raise ValueError(f"{path.name}: wanted a sentence, a line `service: ...`, and a Dockerfile")
    return ImageSource(path.stem, path.parent.name, about, service, files)
