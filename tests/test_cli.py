"""The command line as a user meets it: what it prints where, and how it exits."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

import imagespec
from imagespec.cli import COMMANDS, cli
from imagespec.documents.schemas import load_schema
from imagespec.profiles import list_profiles
from imagespec.rules import ALL
from tests.build import config, digest, docker_archive, file, layer, oci_members, outer_tar

FIXTURES = Path(__file__).parent / "fixtures"
SAMPLE = FIXTURES / "sample-docker-20.10.tar"
SCHEMA = load_schema("imagespec.report", "report.schema.json")


def run(
    *words: str | Path, stdin: Path | None = None, piped: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command as another process, with standard input from a file or a pipe."""
    command = [sys.executable, "-W", "error", "-m", "imagespec", *map(str, words)]
    environment = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    if stdin:
        with stdin.open("rb") as source:
            return subprocess.run(command, stdin=source, capture_output=True, check=False, env=environment)
    return subprocess.run(command, input=piped or b"", capture_output=True, check=False, env=environment)


def test_check_prints_verdicts() -> None:
    done = run("check", "--service", "batch", "--verify", SAMPLE)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "modelarts-sample:1.0" in text
    assert re.search(r"^PASS +service-port", text, re.MULTILINE)
    assert re.search(r"^UNKNOWN +malicious-code", text, re.MULTILINE)
    assert "9 passed, 0 failed, 1 unknown, 0 not applicable" in text
    assert "\x1b" not in text


def test_strict_counts_unknown_as_failed() -> None:
    assert run("check", "--strict", SAMPLE).returncode == 1


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_standard_input(way: str) -> None:
    done = run("check", "-", stdin=SAMPLE) if way == "file" else run("check", "-", piped=SAMPLE.read_bytes())
    assert done.returncode == 0
    assert done.stdout.decode().startswith("standard input  docker-archive")


def test_json_is_all_of_standard_output_and_follows_its_schema() -> None:
    done = run("check", "--format", "json", SAMPLE, FIXTURES / "sample-oci-dir", "/no/such/file")
    report = json.loads(done.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(report)) == []
    assert done.returncode == 2
    assert [len(item["images"]) for item in report["inputs"]] == [1, 1, 0]
    assert report["inputs"][2]["problems"][0]["slug"] == "usage"
    assert not report["complete"]
    assert b"no such file" in done.stderr


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    done = run("check", "--output", target, SAMPLE)
    assert (done.returncode, done.stdout) == (0, b"")
    assert "service-port" in target.read_text()
    assert run("check", "--output", tmp_path / "no" / "folder", SAMPLE).returncode == 3


def test_a_failing_rule_exits_with_1(tmp_path: Path) -> None:
    raw = layer(file("a"))
    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_archive([raw], config([raw])))
    done = run("check", archive)
    assert done.returncode == 1
    assert "FAIL" in done.stdout.decode()


def test_config_json_beside_the_image(tmp_path: Path) -> None:
    given = tmp_path / "config.json"
    given.write_text(
        '{"model_algorithm": "a", "model_type": "Image", "apis": [{"url": "/other", "method": "get"}]}'
    )
    text = run("check", "--config-json", given, SAMPLE).stdout.decode()
    assert re.search(r"^FAIL +inference-api", text, re.MULTILINE)
    given.write_text('{"apis": [],}')
    done = run("check", "--config-json", given, SAMPLE)
    assert done.returncode == 2
    assert re.fullmatch(r"imagespec: config\.json: .* line 1, column \d+.*\n", done.stderr.decode())


BAD_INPUTS = {
    "missing": (None, 2, "no such file or directory"),
    "empty": (b"", 3, "the file is empty"),
    "text": (b"hello\n" * 200, 3, "a text file, not an image"),
    "short-text": (b"hello\n", 3, "a text file, not an image"),
    "json": (b'{"a": 1}' * 100, 3, "a JSON document, not an image"),
    "bytes": (bytes(range(256)) * 4, 3, "no tar archive"),
    "no-manifest": (layer(file("a", "b")), 3, "neither manifest.json (docker-archive) nor index.json (OCI)"),
    "cut": (SAMPLE.read_bytes()[:30_001], 3, "the archive is truncated"),
    "cut-in-padding": (SAMPLE.read_bytes()[:60_000], 3, "the archive is truncated: it ends at byte 60,000"),
    "cut-gzip": (gzip.compress(SAMPLE.read_bytes())[:2_000], 3, "gzip: the stream is truncated"),
    "zeros": (bytes(2_048), 3, "an archive without members"),
    "export": ((FIXTURES / "sample-export-docker-20.10.tar").read_bytes(), 3, "this is a root filesystem"),
    "broken-json": (
        outer_tar({"manifest.json": b'[{"Config": }]'}),
        3,
        "manifest.json: broken JSON at line 1, column 13",
    ),
    "no-config": (
        outer_tar({"manifest.json": b'[{"Config": "c.json"}]'}),
        3,
        "manifest.json names c.json, which is not",
    ),
    "no-images": (outer_tar({"manifest.json": b"[]"}), 3, "lists no image"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("piped", [False, True])
def test_bad_input_gets_one_sentence(name: str, piped: bool, tmp_path: Path) -> None:
    data, code, words = BAD_INPUTS[name]
    path = tmp_path / "input.tar"
    if data is not None:
        path.write_bytes(data)
    elif piped:
        pytest.skip("a pipe is there")
    done = run("check", "-", piped=data) if piped else run("check", path)
    message = done.stderr.decode()
    assert done.returncode == code
    assert words in message
    assert message.startswith(f"imagespec: {'standard input' if piped else path}: ")
    assert message.count("\n") == 1
    assert done.stdout == b""


def test_a_directory_that_is_no_layout(tmp_path: Path) -> None:
    done = run("check", tmp_path)
    assert done.returncode == 3
    assert done.stderr.decode() == (
        f"imagespec: {tmp_path}: the directory is no image layout: "
        "it has neither index.json (OCI) nor manifest.json (docker-archive)\n"
    )


def test_a_missing_layer_is_a_problem_and_not_a_pass(tmp_path: Path) -> None:
    raw = layer(file("a"))
    members = {
        name: data for name, data in oci_members([raw], config([raw])).items() if data[:2] != b"\x1f\x8b"
    }
    archive = tmp_path / "image.tar"
    archive.write_bytes(outer_tar(members))
    done = run("check", "--format", "json", archive)
    assert done.returncode == 3
    image = json.loads(done.stdout)["inputs"][0]["images"][0]
    assert [problem["slug"] for problem in image["problems"]] == ["missing-blob"]
    verdicts = {result["rule"]: result["verdict"] for result in image["results"]}
    assert verdicts["archive-integrity"] == "fail"
    assert set(verdicts.values()) == {"fail", "unknown", "not-applicable"}


def test_wrong_usage(tmp_path: Path) -> None:
    assert run("check").returncode == 2
    assert run("check", "--service", "edge", SAMPLE).returncode == 2
    done = run("check", "--profile", "nothing", SAMPLE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"modelarts-cn-2021" in done.stderr
    broken = tmp_path / "p.toml"
    broken.write_text('id = "x"')
    assert b"p.toml: #/: 'title' is a required property" in run("check", "--profile", broken, SAMPLE).stderr


def test_own_profile(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'id = "mine"\ntitle = "t"\ndocument = "d"\nedition = "e"\n'
        '[[rules]]\nid = "image-size"\nclause = "1"\nparameters = { limit_gb = 0.000001 }\n'
    )
    done = run("check", "--profile", profile, SAMPLE)
    assert done.returncode == 1
    assert "0 passed, 1 failed" in done.stdout.decode()
    profile.write_text(profile.read_text().replace("limit_gb", "limit"))
    assert b"parameters of image-size" in run("check", "--profile", profile, SAMPLE).stderr


def test_inspect() -> None:
    done = run("inspect", SAMPLE)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert '["/bin/sh", "-c", "/bin/sh /home/run.sh"]' in text
    assert "#(nop) COPY" in text
    data = json.loads(run("inspect", "--format", "json", SAMPLE).stdout)
    golden = json.loads((FIXTURES / "sample-inspect.json").read_text())
    assert data["images"][0]["image_id"] == golden["Id"]
    assert [layer["diff_id"] for layer in data["images"][0]["layers"]] == golden["RootFS"]["Layers"]
    assert data["images"][0]["config"]["config"]["WorkingDir"] == "/home/app"
    assert run("inspect", "/no/such/file").returncode == 2


def test_inspect_shows_what_the_documents_say() -> None:
    raws = [layer(file("a", "x" * 70_000)), layer(file("b"))]
    run_config = {"Cmd": ["/bin/a", "b c"], "Env": ["A=1"], "Labels": {"k": "v"}, "User": "1000"}
    members = oci_members(raws, config(raws, run_config), codec="plain", name="repo/a:1")
    missing = f"blobs/sha256/{digest(raws[1])[7:]}"
    kept = {name: data for name, data in members.items() if name != missing}
    index = json.loads(kept["index.json"])
    index["manifests"][0]["size"] += 1
    shown = run("inspect", "-", piped=outer_tar({**kept, "index.json": json.dumps(index).encode()}))
    manifest = index["manifests"][0]["digest"]
    name = manifest.replace(":", "/")
    first, second = (digest(raw)[7:19] for raw in raws)
    expected = f"""\
standard input  oci-archive

image  repo/a:1
       {digest(config(raws, run_config))}  linux/amd64
       manifest {manifest}
       2 layers, 71.7 kB stored, 1 of them not in the archive
       compared: digest of the manifest and of the config, and the size where what names it gives one
       compared: stored sizes of 1 of 2 layers, against the manifest
DEFECT   blobs/{name} has {index["manifests"][0]["size"] - 1} bytes, its descriptor says {index["manifests"][0]["size"]}

  cmd         ["/bin/a", "b c"]
  user        1000
  env         A=1
  label       k=v

  layer     stored  diff_id       media type                         history
      0    71.7 kB  {first}  oci.image.layer.v1.tar             step 0
      1          ?  {second}  oci.image.layer.v1.tar             (missing) step 1
"""
    assert shown.stdout.decode() == expected
    assert (shown.returncode, shown.stderr) == (0, b"")


def test_inspect_numbers_images_and_tells_the_unreadable_one(tmp_path: Path) -> None:
    raws = [layer(file("a")), layer(file("b"))]
    names = [f"{digest(config([raw]))[7:]}.json" for raw in raws]
    rows = [
        {"Config": name, "RepoTags": [f"app:{number}"], "Layers": ["layer.tar"]}
        for number, name in enumerate([*names, "none.json"])
    ]
    archive = tmp_path / "image.tar"
    documents = {name: config([raw]) for name, raw in zip(names, raws, strict=True)}
    members = {**documents, "layer.tar": raws[0], "manifest.json": json.dumps(rows).encode()}
    archive.write_bytes(outer_tar(members))
    done = run("inspect", archive)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (3, b"")
    assert lines[1] == "PROBLEM  app:2: manifest.json names none.json, which is not in the archive"
    assert [line for line in lines if line.startswith("image")] == ["image  app:0  @0", "image  app:1  @1"]
    assert "       compared: digest of the config, against its name" in lines
    done = run("inspect", "--format", "json", "--image", "@1", archive)
    data = json.loads(done.stdout)
    assert done.returncode == 0
    assert data["problems"] == []
    (image,) = data["images"]
    assert (image["number"], image["references"]) == (1, ["app:1"])
    assert (image["checked"], image["unchecked"]) == (["digest of the config, against its name"], [])


LIGHT = """
import sys
from imagespec.cli import cli
try:
    cli(sys.argv[1:])
except SystemExit:
    pass
heavy = ("analyzers", "engine", "profiles", "results", "rules", "rootfs", "decoders", "toc")
rare = ("docker_v1", "registry", "skopeo_dir", "join", "pipe", "remote")
others = ("concurrent", "rich", "jsonschema", "tree_sitter", "isal", "zstandard", "asyncio")
found = {name for name in sys.modules if name.split(".")[0] in others}
found |= {name for name in sys.modules if name.startswith("imagespec.") and name.split(".")[1] in heavy}
found |= sys.modules.keys() & {f"imagespec.sources.{name}" for name in rare}
print(sorted(found), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], "[]"),
        (["inspect", "--help"], "[]"),
        (["inspect", str(SAMPLE)], "[]"),
        (["inspect", "--format", "json", str(FIXTURES / "sample-oci-dir")], "[]"),
        (["profiles", "list"], None),
    ],
)
def test_short_commands_import_little(words: list[str], heavy: str | None) -> None:
    """What a module costs at start is the whole time that `inspect` takes."""
    done = subprocess.run([sys.executable, "-c", LIGHT, *words], capture_output=True, text=True, check=True)
    assert (done.stderr.strip() == "[]") is (heavy is not None), done.stderr


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    context = click.Context(cli)
    for name, (_, text) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(200) == text
    assert run("nothing").returncode == 2


@pytest.mark.parametrize("rule", [rule.id for rule in ALL])
def test_rules(rule: str) -> None:
    text = run("rules", "show", rule).stdout.decode()
    assert text.startswith(rule + ": ")
    assert "How to fix" in text


def test_catalogues() -> None:
    listed = run("rules", "list").stdout.decode()
    assert all(rule.id in listed for rule in ALL)
    listed = run("profiles", "list").stdout.decode()
    assert all(name in listed for name in list_profiles())
    assert "limit_gb=50" in run("profiles", "show", "modelarts-2024").stdout.decode()
    assert run("rules", "show", "nothing").returncode == 2
    assert run("profiles", "show", "nothing").returncode == 2


def test_version_says_what_runs() -> None:
    text = run("--version").stdout.decode()
    assert re.fullmatch(
        rf"imagespec {re.escape(imagespec.__version__)} \(tar scanner: \w+, gzip: \w+\)\n", text
    )


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    raw = layer(file("home/\x1b[2J\x1b]0;pwned\x07/a"), file("caf\udce9"))
    document = json.loads(config([raw], {"Cmd": ["/home/\x1b[31mred\u202egnp"]}))
    document["history"] = [{"created_by": "RUN \x1b[2J"}]
    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_archive([raw], json.dumps(document).encode(), ["a\x1b[2Jb:1"]))
    for words in (["check", "--verbose"], ["check", "--format", "json"], ["inspect"]):
        shown = run(*words, archive).stdout
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", shown), words
        assert "\u202e" not in shown.decode()


def test_closed_output_is_no_traceback() -> None:
    for words in ("inspect", "check --format json"):
        command = f"{sys.executable} -m imagespec {words} {SAMPLE} | true"
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
        assert done.stderr == b""


def test_engines(tmp_path: Path) -> None:
    (tmp_path / "rules.yar").write_text('rule server { strings: $a = "flask" condition: $a }\n')
    (tmp_path / "list").write_text("0" * 64 + "\n")
    options = ("--yara", tmp_path, "--hashes", tmp_path / "list", "--pickles", "--scan-mib", "8")
    done = run("check", *options, "--verbose", SAMPLE)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (1, b"")
    assert re.search(r"a YARA rule matches: rules.yar: server +\[/home/app/server.py", text)
    assert "scanned by 1 hashes" in text
    assert "scanned by picklescan" in text


def test_engines_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "bad.yar").write_text("rule x {")
    for options, code, words in (
        (("--yara", tmp_path), 2, b"YARA rules cannot be compiled"),
        (("--hashes", tmp_path / "bad.yar"), 2, b"bad.yar:1: not a sha256"),
        (("--clamd", "nowhere"), 2, b"can be unix:PATH or HOST:PORT"),
        (("--clamd", f"unix:{tmp_path / 'none'}"), 3, b"is it running?"),
        (("--yara", tmp_path / "none"), 2, b"does not exist"),
    ):
        done = run("check", *options, SAMPLE)
        assert (done.returncode, done.stdout) == (code, b"")
        assert words in done.stderr
        assert b"Traceback" not in done.stderr
