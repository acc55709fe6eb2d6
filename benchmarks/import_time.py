"""What starting costs: `import imagespec`, the version, small images, and `inspect` of a large one."""

from __future__ import annotations

import sys

from benchmarks import inputs, measure
from benchmarks.measure import Contender


def scenarios() -> list[measure.Scenario]:
    """Return the comparison with Python alone."""
    image = str(inputs.small_image())
    command = (sys.executable, "-m", "imagespec")
    return [
        measure.Scenario(
            "Start",
            (
                _code("python -c pass", "pass"),
                _code("import imagespec", "import imagespec"),
                _code("imagespec.check", "import imagespec; imagespec.check"),
                Contender("imagespec --version", (*command, "--version")),
                Contender("imagespec inspect, small image", (*command, "inspect", image)),
                Contender("imagespec check, small image", (*command, "check", image), statuses=(0, 1)),
            ),
            "python -c pass",
        ),
        measure.Scenario(
            "Inspect the large image",
            (
                _code("import imagespec", "import imagespec"),
                _code("import attrs, click", "import attrs, click"),
                Contender("imagespec inspect", (*command, "inspect", str(inputs.large("large-docker.tar")))),
            ),
            "import imagespec",
        ),
    ]


def _code(name: str, code: str) -> Contender:
    return Contender(name, (sys.executable, "-c", code))


if __name__ == "__main__":
    measure.main("import_time", scenarios, rounds=20)
