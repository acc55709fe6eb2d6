"""Where a program's port comes from a settings class, a file of the image, or the environment."""

from __future__ import annotations

import pytest

from imagespec.analyzers.python.yamlsubset import NotFollowedError, parse_yaml
from imagespec.analyzers.servers.listeners import find_listeners
from imagespec.verdict import Evidence
from tests.build import directory, file
from tests.python_images import PACKAGES, image, start

LIBRARIES = (*PACKAGES, "pydantic", "pydantic_settings", "dotenv", "yaml")
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
SETTINGS = FLASK + (
    "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
    "class S(BaseSettings):\n    port: int = 8080\n    OPTIONS\ns = S(GIVEN)\napp.run('0.0.0.0', s.port)\n"
)
DATA = FLASK + (
    "from dataclasses import dataclass, field\n@dataclass\nclass S:\n    host: str = '0.0.0.0'\n    port: int = 8080\n"
    "    OPTIONS\ns = S(GIVEN)\napp.run(s.host, s.port)\n"
)


def port(
    source: str, env: dict[str, str | None] | None = None, files: dict[str, str] | None = None
) -> int | None:
    root = image({"app.py": source, **(files or {})}, packages=LIBRARIES)
    [one] = find_listeners(start(root, "python app.py", env), root).listeners
    return one.port


@pytest.mark.parametrize(
    ("options", "given", "env", "expected"),
    [
        ("pass", "", {}, 8080),
        ("pass", "", {"PORT": "9000"}, 9000),
        ("pass", "", {"port": "9000"}, 9000),
        ("pass", "", {"PORT": None}, None),
        ("pass", "port=9000", {"PORT": "80"}, 9000),
        ("model_config = SettingsConfigDict(env_prefix='APP_')", "", {"PORT": "9000"}, 8080),
        ("model_config = SettingsConfigDict(env_prefix='APP_')", "", {"APP_PORT": "9000"}, 9000),
        ("model_config = {'case_sensitive': True}", "", {"PORT": "9000"}, 8080),
        ("model_config = SettingsConfigDict(secrets_dir='/run')", "", {}, None),
        ("model_config = SettingsConfigDict(env_file='.env')", "", {}, 7000),
        ("model_config = SettingsConfigDict(env_file='.env')", "", {"PORT": "9000"}, 9000),
        ("class Config:\n        env_prefix = 'APP_'", "", {"APP_PORT": "9000"}, 9000),
        ("def __init__(self, **kw):\n        super().__init__(port=1)", "", {}, None),
    ],
)
def test_settings(options: str, given: str, env: dict[str, str | None], expected: int | None) -> None:
    source = SETTINGS.replace("OPTIONS", options).replace("GIVEN", given)
    assert port(source, env, {".env": "# a\nexport PORT=7000\n"}) == expected


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ("pass", "", 8080),
        ("pass", "'0.0.0.0', 9000", 9000),
        ("pass", "port=9000", 9000),
        ("pass", "**input()", None),
        ("rows: list = field(default_factory=list)", "port=9000", 9000),
        ("def __post_init__(self):\n        self.port = 9000", "", 9000),
        ("@property\n    def twice(self):\n        return self.port", "port=9000", 9000),
    ],
)
def test_dataclasses(options: str, given: str, expected: int | None) -> None:
    assert port(DATA.replace("OPTIONS", options).replace("GIVEN", given)) == expected


def test_a_class_method_makes_an_object_from_a_file() -> None:
    made = "@classmethod\n    def load(cls):\n        import json\n        return cls(**json.load(open('s.json')))"
    source = DATA.replace("OPTIONS", made).replace("S(GIVEN)", "S.load()")
    assert port(source, files={"s.json": '{"port": 9000}'}) == 9000


READERS = {
    "import yaml\nc = yaml.safe_load(open('c.yaml'))\n": "server:\n  port: 9000\n",
    "import yaml\nwith open('c.yaml') as f:\n    c = yaml.load(f, Loader=yaml.FullLoader)\n": "server:\n  port: 9000\n",
    "import json\nfrom pathlib import Path\nc = json.loads((Path(__file__).parent / 'c.yaml').read_text())\n": (
        '{"server": {"port": 9000}}'
    ),
    "import tomllib\nwith open('c.yaml', 'rb') as f:\n    c = tomllib.load(f)\n": "[server]\nport = 9000\n",
}


@pytest.mark.parametrize("reader", READERS)
def test_files(reader: str) -> None:
    source = FLASK + reader + "app.run('0.0.0.0', c['server']['port'])\n"
    assert port(source, files={"c.yaml": READERS[reader]}) == 9000
    assert port(source, files={"c.yaml": "&"}) is None


@pytest.mark.parametrize(
    "read",
    ["int(c['s']['port'])", "c.getint('s', 'port')", "int(c.get('s', 'PORT'))", "c['s'].getint('port')"],
)
def test_ini_files(read: str) -> None:
    source = (
        FLASK + f"import configparser\nc = configparser.ConfigParser()\nc.read('c.ini')\napp.run('', {read})"
    )
    assert port(source, files={"c.ini": "[s]\nport = 9000\n"}) == 9000
    assert port(source, files={"c.ini": "[s]\nport = %(other)s\nother = 9000\n"}) == 9000
    assert port(source, files={"c.ini": "[s]\nport = %(other)s\nother = %(port)s\n"}) is None


def test_dotenv() -> None:
    source = FLASK + (
        "from dotenv import load_dotenv\nimport os\nload_dotenv()\napp.run('', int(os.getenv('PORT', 8080)))\n"
    )
    assert port(source) == 8080
    assert port(source, files={".env": "PORT='9000'\n"}) == 9000
    assert port(source, {"PORT": "7000"}, files={".env": "PORT=9000\n"}) == 7000
    assert port(source, files={".env": "PORT=$OTHER\n"}) is None


def test_known_arguments() -> None:
    source = FLASK + (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port', type=int, default=9000)\n"
        "a, rest = p.parse_known_args()\napp.run('', a.port)\n"
    )
    assert port(source) == 9000


def test_a_file_that_its_python_cannot_parse_ends_the_program() -> None:
    root = image({"app.py": FLASK + "import other\napp.run('', 8080)\n", "other.py": "x = (\n"})
    found = find_listeners(start(root, "python app.py"), root)
    assert found.listeners == ()
    assert "Python stops here" in found.never[0].message
    root = image({"app.py": "x = (\n"})
    assert find_listeners(start(root, "python app.py"), root).never


@pytest.mark.parametrize("caught", ["ImportError", "Exception"])
def test_what_catches_a_syntax_error(caught: str) -> None:
    source = f"try:\n    import other\nexcept {caught}:\n    other = None\n"
    root = image({"app.py": FLASK + source + "app.run('', 8080)\n", "other.py": "x = (\n"})
    assert len(find_listeners(start(root, "python app.py"), root).listeners) == (caught == "Exception")


@pytest.mark.parametrize(
    ("user", "mode", "certain"),
    [
        ("", 0o755, True),
        ("app", 0o755, False),
        ("app", 0o777, True),
        ("1000", 0o755, False),
        ("0", 0o755, True),
    ],
)
def test_a_user_who_may_not_write(user: str, mode: int, *, certain: bool) -> None:
    source = FLASK + "import logging\nlogging.FileHandler('/log/a')\napp.run('', 8080)\n"
    passwd = file("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
    root = image({"app.py": source}, directory("log", mode=mode), passwd)
    [one] = find_listeners(start(root, "python app.py", user="" if user == "0" else user), root).listeners
    assert one.certain is certain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb:\n  c: yes\n  d:\n  - x\n  - 2\n", {"a": 1, "b": {"c": True, "d": ["x", 2]}}),
        ("a: '1'\n# c\nb: 0.0.0.0 # d\nc: ~\nd: 1.5\n", {"a": "1", "b": "0.0.0.0", "c": None, "d": 1.5}),
        ("---\n- a\n- b\n", ["a", "b"]),
        ("a: [x, 1, 'y']\nb: []\nc: {}\n", {"a": ["x", 1, "y"], "b": [], "c": {}}),
    ],
)
def test_yaml(text: str, value: object) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "a: &x 1", "a: *x", "a: |\n  b", "a: {b: 1}", "a: [1, {b: 2}]", "a: [1, [2]]", "a: [1", "a: [1,]", "a: [b: 1]", "a: ['x, y']", "a: 010", "a: 1_000", "a: 1:30", "a: 0x10", "a: !x 1",
        "a: 1\na: 2", "a:\n\tb: 1", "- a: 1", "a: 'x # y'", "a: 1\n  b: 2", "a: b: c", "a: 2020-01-01", "on: 1", "a: .5",
        "<<: 1", "a: 1e3", "a: b\n  c", "? a", "a: 'b' 'c'", 'a: "\\n"', "a", "a: .inf", "a: 1\n---\nb: 2",
    ],
)  # fmt: skip
def test_what_is_not_followed_of_yaml(text: str) -> None:
    with pytest.raises(NotFollowedError):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("script", "known"),
    [
        ("exec python app.py", True),
        ("sed -i s/9000/8080/ c.yaml\npython app.py", False),
        ("for f in *.yaml; do sed -i s/9000/8080/ $f; done\npython app.py", False),
        ("echo port: 1 > $CONF\npython app.py", False),
    ],
)
def test_files_that_a_script_may_change(script: str, *, known: bool) -> None:
    source = FLASK + "import yaml\nc = yaml.safe_load(open('c.yaml'))\napp.run('0.0.0.0', c['port'])\n"
    root = image({"app.py": source, "c.yaml": "port: 9000\n", "run.sh": script}, packages=LIBRARIES)
    trail = (Evidence(message="runs the script run.sh", path="app/run.sh"),)
    [one] = find_listeners(start(root, "python app.py", trail=trail), root).listeners
    assert (one.port == 9000) is known


@pytest.mark.parametrize(("caught", "certain"), [("OSError", True), ("Exception", True), ("KeyError", False)])
def test_a_missing_file_whose_exception_may_be_caught(caught: str, *, certain: bool) -> None:
    source = FLASK + f"try:\n    open('m.bin')\nexcept {caught}:\n    print('none')\napp.run('', 8080)\n"
    root = image({"app.py": source})
    [one] = find_listeners(start(root, "python app.py"), root).listeners
    assert one.certain is certain


def test_a_value_before_and_in_a_try_block() -> None:
    block = "try:\n    p = int(input())\n    p = 9000\nexcept ValueError:\n    print('none')\n"
    assert port(FLASK + "p = 8080\n" + block + "app.run('', p)\n") is None
