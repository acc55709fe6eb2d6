"""
Make the large, realistic image that the benchmarks read, in every form that they read it in.

    python3 -m benchmarks.make_images [--out DIR]

Run it as root from the top of the repository, on Debian 12 with docker.io, skopeo, mmdebstrap, pigz
and zstd; DIR must not lie on an overlay file system and needs about 10 GB while this runs, 7 GB
after. What exists already is left alone. DEBIAN_MIRROR names another mirror than Debian's own.

The image is Debian with a scientific Python, Java and a web server (about 1.6 GB in 53,000
entries), and an application whose layers delete, replace, re-create, link and change modes, as
grown images do. The application is the one of `tests/fixtures/sample`.
"""

import argparse
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.engine import Client, bootstrap, docker_engine, run

APPLICATION = Path(__file__).resolve().parent.parent / "tests/fixtures/sample/app"
BASE_TAG = "imagespec-large-base:1.0"
TAG = "imagespec-large:1.0"

PACKAGES = (
    *("python3", "python3-flask", "python3-numpy", "python3-scipy", "python3-pandas"),
    *("python3-sklearn", "python3-matplotlib", "gunicorn", "default-jre-headless"),
    *("zip", "unzip", "procps", "curl", "git", "nginx-light"),
)

# Each step is something that grown images do, and that a merged view has to get right at this size.
DOCKERFILE = f"""\
FROM {BASE_TAG}
LABEL maintainer="imagespec" purpose="benchmark"
ENV MODEL_NAME=mnist PYTHONUNBUFFERED=1
COPY app/run.sh /home/run.sh
COPY app/server.py /home/app/
COPY app/config.json /home/mind/model/

# One opaque directory over some thousand entries; whiteouts by name.
RUN rm -rf /usr/share/doc && mkdir /usr/share/doc && echo removed > /usr/share/doc/README
RUN find /usr/lib/python3/dist-packages/sklearn -name '*.pyc' -delete
RUN rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

# Copies of whole trees, because of their modes or of a new name; hard links to earlier layers.
RUN chmod -R g-w,o-w /usr/lib/python3/dist-packages/pandas && chmod 0640 /usr/share/zoneinfo/*.tab
RUN mv /usr/share/locale /usr/share/locale-all
RUN cp -al /usr/share/zoneinfo /opt/zoneinfo

# Changes of type, both ways.
RUN rm -rf /usr/share/man && ln -s doc /usr/share/man
RUN rm -rf /usr/share/perl5/Git* && touch /usr/share/perl5/Git && rm /etc/motd && mkdir /etc/motd

WORKDIR /home/app
EXPOSE 8080
CMD /bin/sh /home/run.sh
"""


def make(path: Path, write: Callable[[Path], object]) -> None:
    """Make one file unless it exists; `write` gets a name to write to, so that no half file stays."""
    if path.exists():
        return
    unfinished = path.with_name(f"partial-{path.name}")
    unfinished.unlink(missing_ok=True)
    started = time.monotonic()
    write(unfinished)
    unfinished.replace(path)
    report(path, time.monotonic() - started)


def report(path: Path, seconds: float) -> None:
    """Print what was made, how large it is and how long it took."""
    print(f"{path.name:<22} {path.stat().st_size:>14,} bytes {seconds:>7.1f} s", flush=True)


@contextmanager
def built(out: Path) -> Iterator[Client]:
    """Run an engine that has the image, and remove all that belongs to the engine at the end."""
    base = out / "large-base.tar"
    make(base, lambda path: bootstrap(path, "bookworm", PACKAGES))
    state = out / "engine"
    shutil.rmtree(state, ignore_errors=True)
    try:
        with docker_engine(state) as docker:
            started = time.monotonic()
            docker("import", base, BASE_TAG)
            context = state / "context"
            shutil.copytree(APPLICATION, context / "app")
            (context / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
            docker("build", "--network=none", f"--tag={TAG}", context)
            print(f"imported and built in {time.monotonic() - started:.1f} s", flush=True)
            yield docker
    finally:
        shutil.rmtree(state)
    base.unlink()


def make_from_engine(out: Path) -> None:
    """Make what only an engine with the image can give: save, export and inspect."""
    saved, exported, inspected = (
        out / name for name in ("large-docker.tar", "large-export.tar", "large-inspect.json")
    )
    if saved.exists() and exported.exists() and inspected.exists():
        return
    # One build gives all three: two builds have different layers.
    for path in out.glob("large-*"):
        if path.name != "large-base.tar":
            path.unlink()
    with built(out) as docker:
        make(saved, lambda path: docker("save", f"--output={path}", TAG))
        container = docker("create", "--network=none", TAG).strip()
        make(exported, lambda path: docker("export", f"--output={path}", container))
        make(inspected, lambda path: path.write_text(docker("image", "inspect", TAG)))


def make_conversions(out: Path) -> None:
    """Make the OCI archives, with each compression."""
    for compression in ("gzip", "zstd"):
        make(out / f"large-oci-{compression}.tar", partial(convert, out / "large-docker.tar", compression))


def convert(saved: Path, compression: str, path: Path) -> None:
    """Write a docker-archive's image as an OCI archive."""
    options = ("--quiet", f"--dest-compress-format={compression}")
    target = f"oci-archive:{path}:{TAG}"
    run("skopeo", "--insecure-policy", "copy", *options, f"docker-archive:{saved}", target)


def make_layer(out: Path) -> None:
    """Make files of the base layer alone, for benchmarks of the scanner and of the decoders."""
    layer = out / "large-layer.tar"
    make(layer, lambda path: extract_base_layer(out / "large-docker.tar", path))
    # pigz and not gzip: engines compress in parallel blocks as well.
    make(out / "large-layer.tar.gz", lambda path: compress("pigz -n -6 -c", layer, path))
    make(out / "large-layer.tar.zst", lambda path: compress("zstd -q -3 -T0 -c", layer, path))


def extract_base_layer(saved: Path, path: Path) -> None:
    """Copy the first layer out of a docker-archive."""
    with tarfile.open(saved) as outer:
        manifest = outer.extractfile("manifest.json")
        assert manifest is not None
        [image] = json.load(manifest)
        body = outer.extractfile(image["Layers"][0])
        assert body is not None
        with path.open("wb") as target:
            shutil.copyfileobj(body, target, 1 << 20)


def compress(command: str, source: Path, path: Path) -> None:
    """Compress one file with a program that writes to its standard output."""
    run("sh", "-ec", f'{command} "$0" > "$1"', source, path)


def entries(path: Path) -> int:
    """Count the members of a tar file."""
    with tarfile.open(path) as tar:
        return sum(1 for _ in tar)


def main() -> None:
    """Make every file that does not exist yet, and say what there is."""
    default = Path(os.environ.get("IMAGESPEC_BENCH_DIR", "~/.cache/imagespec-bench")).expanduser()
    parser = argparse.ArgumentParser(description="Make the large image that the benchmarks read.")
    parser.add_argument("--out", type=Path, default=default, help="where to write (default: %(default)s)")
    out: Path = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    make_from_engine(out)
    make_conversions(out)
    make_layer(out)
    for path in (out / "large-layer.tar", out / "large-export.tar"):
        print(f"{path.name:<22} {entries(path):>14,} entries", flush=True)


if __name__ == "__main__":
    main()
