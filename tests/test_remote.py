"""Archives behind URLs: what is read is the same, and only what is needed is asked for."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import json
import random
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import imagespec
from imagespec.errors import InputError, ReadError, UsageError
from imagespec.report.inspection import inspection_to_dict
from imagespec.sources.location import is_url, shown_location, without_secrets
from imagespec.sources.remote import RemoteAccess
from tests.build import config, docker_archive, file, layer, oci_members
from tests.tables import estargz, oci_image

MIB = 1 << 20
SAMPLE = Path(__file__).parent / "fixtures/sample-docker-20.10.tar"


class CountedFiles(MemoryFileSystem):  # type: ignore[misc]
    """The memory file system under a scheme of its own, which writes down what is asked for."""

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    asked: ClassVar[list[tuple[int, int]]] = []
    fail_from: ClassVar[int | None] = None
    lose: ClassVar[int] = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("counted://")))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **other: Any) -> bytes:
        assert start is not None
        assert end is not None
        if self.fail_from is not None and start >= self.fail_from:
            raise ConnectionResetError("the wire was cut at https://user:secret@host/x?signature=abc")
        self.asked.append((start, end))
        data = super().cat_file(path, start=start, end=end, **other)
        assert isinstance(data, bytes)
        return data[: len(data) - self.lose]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Any:
    fsspec.register_implementation("counted", CountedFiles, clobber=True)
    for name, value in (
        ("store", {}),
        ("pseudo_dirs", [""]),
        ("asked", []),
        ("fail_from", None),
        ("lose", 0),
    ):
        monkeypatch.setattr(CountedFiles, name, value)
    return fsspec.filesystem("counted", skip_instance_cache=True)


def put(files: CountedFiles, name: str, data: bytes) -> str:
    files.pipe_file(name, data)
    return f"counted://{name}"


def large_archive() -> tuple[bytes, bytes]:
    """Return an archive of 24 MiB and its large layer: two large files, and 300 small ones between them."""
    small = [file(f"etc/{number}.conf", b"x" * 200) for number in range(300)]
    raw = layer(file("models/a.bin", bytes(12 * MIB)), *small, file("models/b.bin", bytes(12 * MIB)))
    return docker_archive([raw, layer(file("home/run.sh", "#!/bin/sh\n"))], config([raw, layer()])), raw


def test_documents_cost_a_few_small_requests(files: CountedFiles) -> None:
    archive, _ = large_archive()
    url = put(files, "/bucket/image.tar", archive)
    with imagespec.open(url) as opened:
        assert opened.name == "counted:///bucket/image.tar"
        assert [layer.number for layer in opened.images[0].layers] == [0, 1]
    assert len(files.asked) <= 4
    assert sum(end - start for start, end in files.asked) <= 1 << 17


def test_a_plain_layer_is_hopped_over(files: CountedFiles) -> None:
    archive, _ = large_archive()
    report = imagespec.check(put(files, "/bucket/image.tar", archive), service="batch")
    local = imagespec.check(imagespec.open(io.BytesIO(archive)), service="batch")
    assert report.inputs[0].images == local.inputs[0].images
    assert sum(end - start for start, end in files.asked) <= MIB
    assert len(files.asked) <= 16


def test_a_layer_with_a_table_costs_little_more_than_its_table(files: CountedFiles) -> None:
    noise = random.Random(1)
    items = [file(f"lib/{number}.bin", noise.randbytes(400_000)) for number in range(60)]
    tabled = estargz(*items, chunk_bytes=1 << 16)
    url = put(files, "/bucket/image.tar", oci_image([tabled], config([tabled.tar])))
    report = imagespec.check(url, service="batch", toc="trusted")
    codes = {finding.code for _, finding in report.inputs[0].images[0].findings}
    assert "layer.table-trusted" in codes
    assert sum(end - start for start, end in files.asked) <= len(tabled.blob) * 0.05


def test_reading_on_asks_for_more_each_time(files: CountedFiles) -> None:
    data = bytes(range(256)) * (64 * MIB // 256)
    files.pipe_file("/bucket/a", data)
    access = RemoteAccess(files, "/bucket/a", "a", len(data))
    assert b"".join(access.pread(100_000, at) for at in range(0, len(data), 100_000)) == data
    lengths = [end - start for start, end in files.asked]
    assert sum(lengths) == len(data)
    assert max(lengths) == 4 * MIB
    assert len(lengths) <= 16 + 12


@pytest.mark.parametrize("at", [0, 5, 16_383, 16_384, 40_000, 99_990, 100_000, 200_000])
def test_bytes_are_those_of_the_file(files: CountedFiles, at: int) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(25_000))
    files.pipe_file("/bucket/a", data)
    access = RemoteAccess(files, "/bucket/a", "a", len(data))
    access.pread(20_000, 10_000)
    for size in (0, 1, 16_384, 50_000):
        assert access.pread(size, at) == data[at : at + size]
        assert access.pread(size, at) == data[at : at + size]


def test_memory_stays_small(files: CountedFiles) -> None:
    files.pipe_file("/bucket/a", bytes(100 * MIB))
    access = RemoteAccess(files, "/bucket/a", "a", 100 * MIB)
    for at in range(0, 100 * MIB, 2 * MIB):
        access.pread(1000, at)
    assert sum(map(len, access._spans.values())) <= 16 * (4 * MIB)
    assert len(access._spans) == 16


def test_a_layout_directory(files: CountedFiles) -> None:
    raw = layer(file("a", "b"))
    for name, data in oci_members([raw], config([raw])).items():
        files.pipe_file(f"/bucket/layout/{name}", data)
    with imagespec.open("counted://bucket/layout", verify=True) as archive:
        assert archive.container == "oci-dir"
        blob = archive.images[0].layers[0].blob
        assert blob
        assert blob.scan(archive.images[0].request).diff_id == archive.images[0].layers[0].diff_id


def test_a_prefix_before_a_url(files: CountedFiles) -> None:
    url = put(files, "/bucket/image.tar", (SAMPLE.parent / "two-images-podman-4.3.tar").read_bytes())
    with imagespec.open(f"docker-archive:{url}", image="modelarts-second:1.0") as archive:
        assert (archive.container, archive.name) == ("docker-archive", f"docker-archive:{url}")
        assert [image.number for image in archive.images] == [1]
    with pytest.raises(InputError, match="asks for the layout oci, but its layout is docker"):
        imagespec.open(f"oci-archive:{url}")


def test_a_compressed_archive(files: CountedFiles) -> None:
    url = put(files, "/bucket/image.tar.gz", gzip.compress(SAMPLE.read_bytes()))
    with imagespec.open(url) as remote, imagespec.open(str(SAMPLE)) as local:
        assert remote.images[0].config == local.images[0].config


def test_a_failing_network_at_the_documents_is_an_error(files: CountedFiles) -> None:
    url = put(files, "/bucket/image.tar", SAMPLE.read_bytes())
    CountedFiles.fail_from = 0
    with pytest.raises(ReadError) as caught:
        imagespec.open(url)
    assert "ConnectionResetError: the wire was cut at https://host/x)" in str(caught.value)


def test_a_failing_network_at_a_layer_is_a_problem(files: CountedFiles) -> None:
    archive, _ = large_archive()
    with imagespec.open(put(files, "/bucket/image.tar", archive)) as opened:
        CountedFiles.fail_from = 1
        report = imagespec.check(opened)
    assert {problem.slug for problem in report.inputs[0].images[0].problems} == {"unreadable"}
    assert report.exit_code() == 3


def test_what_is_cut_short_is_no_end_of_the_file(files: CountedFiles) -> None:
    url = put(files, "/bucket/image.tar", SAMPLE.read_bytes())
    CountedFiles.lose = 1
    with pytest.raises(ReadError, match="16,384 bytes were asked for at byte 0 and 16,383 came"):
        imagespec.open(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("counted:///bucket/nothing.tar", "there is no such file"),
        ("nothing://bucket/image.tar", "nothing"),
        ("s3://bucket/image.tar?secret", "(?i)s3fs"),
    ],
)
@pytest.mark.usefixtures("files")
def test_urls_that_lead_nowhere(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        imagespec.open(url)
    assert "secret" not in str(caught.value)


def test_an_existing_path_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s3:").mkdir()
    (tmp_path / "s3:" / "a").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert not is_url("s3://a")
    assert is_url("s3://b")
    assert not is_url("image.tar")
    assert not is_url(Path("s3:/b"))


def test_secrets_are_not_shown() -> None:
    assert without_secrets("https://u:p@h/a.tar?X-Amz-Signature=1") == "https://h/a.tar"
    assert without_secrets("s3://bucket/a@b.tar") == "s3://bucket/a@b.tar"
    assert shown_location("oci-archive:https://u:p@h/a.tar?X=1") == "oci-archive:https://h/a.tar"
    assert shown_location("folder/a?b.tar") == "folder/a?b.tar"


def test_without_fsspec_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['fsspec'] = sys.modules['fsspec.core'] = None;"
        "sys.argv[1:] = ['inspect', 's3://bucket/image.tar'];"
        "from imagespec.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'imagespec[fsspec]'" in done.stderr


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """A web server of one file; ``counts`` is told how many bytes it sent."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, data: bytes, counts: list[int], ranges: bool) -> None:
        self._data, self._counts, self._ranges = data, counts, ranges
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self._answer(200, len(self._data), b"")

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self._ranges else None
        part = self._data[int(asked[1]) : int(asked[2]) + 1] if asked else self._data
        self._counts.append(len(part))
        self._answer(206 if asked else 200, len(part), part)

    def _answer(self, status: int, length: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("ranges", [True, False])
def test_a_web_server(ranges: bool) -> None:
    """In a process of its own, because aiohttp leaves connections and an event loop behind."""
    pytest.importorskip("aiohttp")
    data, _ = large_archive()
    counts: list[int] = []
    handler = functools.partial(RangeHandler, data=data, counts=counts, ranges=ranges)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/image.tar"
        command = [sys.executable, "-m", "imagespec", "inspect", "--format", "json", url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        server.shutdown()
        thread.join()
    if ranges:
        assert done.returncode == 0, done.stderr
        with imagespec.open(io.BytesIO(data)) as archive:
            assert json.loads(done.stdout)["images"] == inspection_to_dict(archive)["images"]
        assert sum(counts) <= 1 << 17
    else:
        assert done.returncode == 3
        assert "does not serve parts of files" in done.stderr


def test_a_web_server_that_does_not_answer() -> None:
    pytest.importorskip("aiohttp")
    command = [sys.executable, "-m", "imagespec", "inspect", "http://127.0.0.1:1/image.tar"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(
        "imagespec: http://127.0.0.1:1/image.tar could not be read (ClientConnector"
    )
