"""The commands that look into an image, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from imagespec.cli import cli
from tests.build import (
    Item,
    config,
    digest,
    directory,
    docker_archive,
    file,
    hardlink,
    layer,
    oci_members,
    outer_tar,
    symlink,
    whiteout,
)
from tests.layouts import put

EVIL = "evil\x1b[2J\u202ename\udce9"
BASE = [
    directory("etc"),
    file("etc/os-release", b"ID=debian\n"),
    file("etc/old", b"12345"),
    symlink("etc/link", "os-release"),
    file("usr/bin/su", b"\x7fELF", 0o4755, uid=0, gid=12),
    file(f"odd/{EVIL}", b"odd"),
    Item("dev/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
    Item("cap", data=b"c", pax={"SCHILY.xattr.security.capability": "x"}),
]
UPPER = [
    file("etc/os-release", b"ID=other\n", 0o600),
    whiteout("etc/old"),
    file("home/run.sh", b"#!/bin/sh\n\xff", 0o755),
    hardlink("home/same", "home/run.sh", mode=0o755),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "image.tar"
    layers = [layer(*BASE), layer(*UPPER)]
    path.write_bytes(docker_archive(layers, config(layers)))
    return path


def run(*words: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], input=stdin)


def document(*words: str | Path, code: int = 0) -> Any:
    done = run(*words, "--format", "json")
    assert (done.exit_code, done.stderr) == (code, "")
    return json.loads(done.stdout)


def test_ls(image: Path) -> None:
    done = run("ls", image, "/etc")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "lrwxrwxrwx  0  0  0  2023-11-14 22:13  0  link -> os-release",
        "-rw-------  0  0  9  2023-11-14 22:13  1  os-release",
    ]
    assert run("ls", image, "etc", "--layer", "0").stdout.splitlines()[1].endswith("  0  old")
    assert (
        run("ls", image, "/usr/bin/su").stdout == "-rwsr-xr-x  0  12  4  2023-11-14 22:13  0  /usr/bin/su\n"
    )
    top = run("ls", image).stdout.splitlines()
    assert top[-1] == "drwxr-xr-x  0  0  0  -                 0  usr"  # no layer lists it
    assert [line.split()[-1] for line in top] == ["cap", "dev", "etc", "home", "odd", "usr"]


def test_hostile_names_are_escaped(image: Path) -> None:
    commands: list[list[str | Path]] = [
        ["ls", image, "odd"],
        ["tree", image, "odd"],
        ["diff", image, "--layer", "0"],
        ["stat", image, f"odd/{EVIL}"],
    ]
    for words in commands:
        shown = run(*words).stdout
        assert r"evil\x1b[2J\u202ename\xe9" in shown
        assert "\x1b" not in shown
    (entry,) = document("ls", image, "odd")
    assert entry["path"] == f"/odd/{EVIL}"


def test_ls_as_json(image: Path) -> None:
    assert document("ls", image, "/etc/link")[0] == {
        "path": "/etc/link",
        "kind": "symlink",
        "mode": "0777",
        "uid": 0,
        "gid": 0,
        "size_bytes": 0,
        "mtime": 1_700_000_000.0,
        "link_target": "os-release",
        "layer": 0,
    }
    assert document("ls", image, "/usr")[0]["mtime"] is None


def test_tree(image: Path) -> None:
    assert run("tree", image, "--depth", "2").stdout.splitlines() == [
        "/",
        "├── cap",
        "├── dev",
        "│   └── null",
        "├── etc",
        "│   ├── link -> os-release",
        "│   └── os-release",
        "├── home",
        "│   ├── run.sh",
        "│   └── same",
        "├── odd",
        r"│   └── evil\x1b[2J\u202ename\xe9",
        "└── usr",
        "    └── bin",
    ]
    assert run("tree", image, "usr").stdout.splitlines() == ["/usr", "└── bin", "    └── su"]
    assert [row["path"] for row in document("tree", image, "usr", "--depth", "1")] == ["/usr/bin"]
    assert run("tree", image, "/cap").exit_code == 2


def test_cat(image: Path) -> None:
    done = run("cat", image, "/home/run.sh", "etc/link")
    assert done.stdout_bytes == b"#!/bin/sh\n\xffID=other\n"
    assert run("cat", image, "/etc/link", "--layer", "0").stdout_bytes == b"ID=debian\n"


def test_cat_from_a_pipe(image: Path) -> None:
    command = [sys.executable, "-m", "imagespec", "cat", "-", "/home/run.sh"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.communicate(image.read_bytes())[0] == b"#!/bin/sh\n\xff"


@pytest.mark.parametrize(
    "words",
    [["cat", "{}", "/none"], ["ls", "{}", "none"], ["tree", "{}", "/etc/old"], ["stat", "{}", "/none"]],
)
def test_no_such_path(image: Path, words: list[str]) -> None:
    done = run(*(word.format(image) for word in words))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no such file or directory in" in done.stderr


def test_other_mistakes(image: Path, tmp_path: Path) -> None:
    none = run("ls", tmp_path / "none.tar")
    assert (none.exit_code, "no such file" in none.stderr) == (2, True)
    layer_two = run("ls", image, "--layer", "2")
    assert (layer_two.exit_code, layer_two.stderr) == (
        2,
        "imagespec: there is no layer 2: the image has layers 0 to 1\n",
    )
    text = tmp_path / "text"
    text.write_text("no image")
    assert run("ls", text).exit_code == 3
    folder = run("cat", image, "/etc")
    assert (folder.exit_code, folder.stderr) == (2, "imagespec: /etc: no regular file (directory)\n")


def test_several_images_are_listed(tmp_path: Path) -> None:
    members: dict[str, bytes] = {}
    rows = []
    for name in ("one", "two"):
        raw = layer(file(name))
        made = oci_members([raw], config([raw], architecture=name), name=name)
        rows += json.loads(made.pop("index.json"))["manifests"]
        members |= made
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": rows}).encode()
    path = tmp_path / "two.tar"
    path.write_bytes(outer_tar(members))
    done = run("ls", path)
    assert done.exit_code == 2
    assert "it holds 2 images: @0 one linux/one" in done.stderr
    assert "; @1 two linux/two" in done.stderr
    for choice in (("--image", "two"), ("--image", "@1"), ("--platform", "linux/two")):
        assert " two\n" in run("ls", path, *choice).stdout
    done = run("diff", f"oci-archive:{path}:one", f"oci-archive:{path}:two")
    assert (done.exit_code, done.stdout) == (1, "D /one\nA /two\n")


def test_an_image_beside_one_that_cannot_be_read(tmp_path: Path) -> None:
    raw = layer(file("one"))
    members = oci_members([raw], config([raw]), name="one")
    index = json.loads(members["index.json"])
    broken = {**index["manifests"][0], "digest": digest(b"{"), "annotations": {}}
    members["blobs/" + broken["digest"].replace(":", "/")] = b"{"
    index["manifests"].append(broken)
    path = tmp_path / "image.tar"
    path.write_bytes(outer_tar({**members, "index.json": json.dumps(index).encode()}))
    done = run("ls", path)
    assert (done.exit_code, done.stdout.split()[-1]) == (3, "one")
    assert "broken JSON" in done.stderr
    assert run("ls", "--image", "one", path).exit_code == 3  # what has no name may have been meant


def test_stat(image: Path) -> None:
    text = run("stat", image, "etc/os-release").stdout
    assert "created by  step 1\n" in text
    assert "  layer 0  -rw-r--r--  10  2023-11-14 22:13  hidden by layer 1: replaced\n" in text
    found = document("stat", image, "/home/same")
    assert (found["link_count"], found["origin"]["layer"], len(found["versions"])) == (2, 1, 1)
    assert document("stat", image, "/cap")["xattrs"] == {"security.capability": "78"}
    gone = document("stat", image, "etc/old")
    assert gone["entry"] is None
    assert (gone["versions"][0]["hidden_by"], gone["versions"][0]["hidden_how"]) == (1, "whiteout")
    assert run("stat", image, "etc/old").stdout.startswith("/etc/old: not in the image any more\n")


def test_diff(image: Path, tmp_path: Path) -> None:
    done = run("diff", image)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "D /etc/old",
        "M /etc/os-release (mode -rw-r--r-- -> -rw-------, size 10 -> 9)",
        "A /home",
        "A /home/run.sh",
        "A /home/same",
    ]
    assert run("diff", image, image, "--contents").exit_code == 0
    assert run("diff", image, "--layer", "1", "--from", "1").exit_code == 0
    assert {item["kind"] for item in document("diff", image, "--layer", "0", code=1)} == {"added"}
    other = tmp_path / "other.tar"
    layers = [layer(*BASE), layer(file("etc/os-release", b"ID=debiaN\n"))]
    other.write_bytes(docker_archive(layers, config(layers)))
    assert run("diff", image, other, "--from", "0").stdout == ""
    read = run("diff", image, other, "--from", "0", "--contents")
    assert (read.exit_code, read.stdout) == (1, "M /etc/os-release (content)\n")


def test_layers(image: Path) -> None:
    lines = run("layers", image).stdout.splitlines()
    assert lines[0].split() == [
        "layer",
        "bytes",
        "entries",
        "added",
        "replaced",
        "removed",
        "wasted",
        "created",
        "by",
    ]
    assert lines[2].split() == ["1", "20", "5", "3", "1", "1", "0", "step", "1"]
    assert lines[-2:] == [
        "10  layer 0  by layer 1: replaced  /etc/os-release",
        " 5  layer 0  by layer 1: whiteout  /etc/old",
    ]
    found = document("layers", image)
    assert [row["wasted_bytes"] for row in found["layers"]] == [15, 0]
    assert found["docker_bytes"] - found["merged_bytes"] == 15
    assert document("layers", image, "--layer", "0", "--waste", "1")["waste"] == []


def test_extract(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = run("extract", image, target)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("6 files and 6 directories, 39 bytes, written to ")
    assert (target / "home/run.sh").read_bytes() == b"#!/bin/sh\n\xff"
    assert (target / "home/same").stat().st_ino != (target / "home/run.sh").stat().st_ino
    assert (target / "usr/bin/su").stat().st_mode & 0o7777 == 0o755
    assert [path.name for path in (target / "odd").iterdir()] == [EVIL]
    listed = json.loads((tmp_path / "out.manifest.json").read_text())
    assert {item["path"]: item["why"] for item in listed["left_out"]} == {
        "dev/null": "a char-device",
        "etc/link": "a symlink to os-release",
    }
    assert {item["path"]: item["why"] for item in listed["reduced"]} == {
        "cap": "without security.capability",
        "usr/bin/su": "without setuid",
    }


def test_a_list_of_what_was_left_out_keeps_no_secret(image: Path, tmp_path: Path) -> None:
    url = put("image.tar?signature=secret", image.read_bytes())
    listed = document("extract", url, tmp_path / "out", "--manifest", tmp_path / "list")
    assert listed["image"] == url.removesuffix("?signature=secret")
    assert "secret" not in (tmp_path / "list").read_text()


def test_extract_refuses(image: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    done = run("extract", image, full)
    assert (done.exit_code, "not empty" in done.stderr) == (2, True)
    assert list(full.iterdir()) == [full / "mine"]
    empty = tmp_path / "empty"
    done = run("extract", image, empty, "--max-bytes", "38")
    assert done.exit_code == 3
    assert "39 exceeds max_bytes = 38" in done.stderr
    assert not empty.exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(elsewhere)
    assert run("extract", image, tmp_path / "link").exit_code == 3
    assert list(elsewhere.iterdir()) == []
    assert run("extract", image, tmp_path / "x", "--path", "/cap").exit_code == 2
    (tmp_path / "y.manifest.json").touch()
    assert run("extract", image, tmp_path / "y").exit_code == 2
    assert not (tmp_path / "y").exists()


def test_extract_of_a_part_and_of_names_that_disks_refuse(tmp_path: Path) -> None:
    raw = layer(
        file("d/" + "n" * 300, b"1"),
        file("d/e/f", b"2"),
        file("d/" + f"{'e' * 200}/" * 21 + "g", b"3"),
        file("other"),
    )
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive([raw], config([raw])))
    target = tmp_path / "out"
    listed = document("extract", path, target, "--path", "d", "--manifest", tmp_path / "list")
    assert (target / "e/f").read_bytes() == b"2"
    assert not (target / "other").exists()
    why = {item["path"][:8]: item["why"] for item in listed["left_out"]}
    assert "File name too long" in why["d/nnnnnn"]
    assert "longer than Linux allows" in why["d/eeeeee"]
    assert json.loads((tmp_path / "list").read_text()) == listed


def test_an_unreadable_layer_is_told(tmp_path: Path) -> None:
    raws = [layer(*BASE), layer(*UPPER)]
    members = oci_members(raws, config(raws), "plain")
    del members[next(key for key, data in members.items() if data == raws[0])]
    path = tmp_path / "image.tar"
    path.write_bytes(outer_tar(members))
    whole = run("cat", path, "/home/run.sh")
    assert (whole.exit_code, whole.stderr) == (0, "")  # the base cannot change it
    commands: list[list[str | Path]] = [
        ["cat", path, "/cap"],
        ["ls", path],
        ["layers", path],
        ["extract", path, tmp_path / "out"],
    ]
    for words in commands:
        done = run(*words)
        assert done.exit_code == 3
        assert "layer 0 (blobs/sha256/" in done.stderr
        assert "is not in the archive" in done.stderr


def test_looking_into_an_image_imports_little(image: Path) -> None:
    code = (
        "import sys; from imagespec.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print([m for m in ('rich', 'jsonschema', 'imagespec.analyzers', 'imagespec.rules') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "cat", str(image), "/etc/os-release"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"ID=other\n[]\n"
