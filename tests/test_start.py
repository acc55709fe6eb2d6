"""Following the start command, as a table of images and the programs that they run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from imagespec.analyzers.startup.start import WANTED, follow_start_command
from imagespec.analyzers.startup.steps import INHERITED, StartCommand
from imagespec.analyzers.wanted import compile_wanted
from imagespec.documents.config import parse_config
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from tests.build import Item, config, directory, elf, file, layer, program, rootfs, scan, symlink
from tests.elffiles import LOADER, dynamic_elf

TOOLS = [
    "sh",
    "bash",
    "env",
    "nohup",
    "nice",
    "time",
    "tini",
    "dumb-init",
    "gosu",
    "setpriv",
    "stdbuf",
    "timeout",
    "tee",
    "cat",
    "mkdir",
    "chmod",
    "sleep",
    "tail",
    "dirname",
    "cp",
    "sed",
    "grep",
    "setsid",
    "xargs",
]

BASE = [
    program("bin/dash"),
    symlink("bin/sh", "dash"),
    program("bin/bash"),
    *(program(f"usr/bin/{name}") for name in TOOLS if name not in {"sh", "bash"}),
    program("usr/bin/python3.11"),
    symlink("usr/bin/python3", "python3.11"),
    symlink("usr/bin/python", "python3"),
    program("usr/bin/gunicorn", "#!/usr/bin/python3\nimport gunicorn\n"),
    program("usr/bin/java"),
    program("usr/sbin/nginx"),
    file("app/app.py", "print(1)\n"),
    directory("var/log"),
    *(file(name) for name in ("x", "a", "b", "1", "app/x", "home/x")),
]


def follow(run: Mapping[str, Any], *items: Item, base: Sequence[Item] = BASE) -> StartCommand:
    image = parse_config(config([], run), "config.json", Limits())
    return follow_start_command(image, rootfs([*base, *items]))


def script(text: str, path: str = "home/run.sh", mode: int = 0o755) -> Item:
    return file(path, text, mode)


def shown(found: StartCommand) -> list[str]:
    """Return the steps as lines: ``?`` may run, ``&`` in the background, ``>`` output that is not the log's."""
    lines = []
    for step in found.steps:
        line = " ".join("*" if word is None else word for word in step.argv)
        line = ("" if step.certain else "? ") + line + (" &" if step.background else "")
        if step.stdout != INHERITED:
            line += f" >{step.stdout}"
        if step.stderr not in {INHERITED, step.stdout}:
            line += f" 2>{step.stderr}"
        lines.append(line)
    return lines


def sh(text: str) -> dict[str, Any]:
    return {"Cmd": ["/bin/sh", "-c", text]}


BASH = {"Cmd": ["bash", "/home/run.sh"]}
RUN = {"Cmd": ["sh", "/home/run.sh"]}
R = "sh /home/run.sh"
B = "bash /home/run.sh"

TEXTS = {
    # What a shell text runs, by /bin/sh (dash) -c.
    "plain": ("python app.py", ["python app.py"]),
    "quotes": ("""python 'a b' "c d" e\\ f ''""", ["python a b c d e f "]),
    "variable": ('A=1; B="x $A"; python $A "$B" $B', ["python 1 x 1 x 1"]),
    "blanks kept in quotes": ('A=1; python -c "$A  $A ${A} $(pwd) x"', ["python -c 1  1 1 / x"]),
    "default": ("python --port=${PORT:-8080} ${P-x}", ["python --port=8080 x"]),
    "default from env": ("python ${FROM_ENV:-8080}", ["python yes"]),
    "assigning default": (": ${PORT:=8080}; python $PORT", ["python 8080"]),
    "nested default": ("python ${A:-http://${B:-h}/x}", ["python http://h/x"]),
    "alternative": ("A=1; python ${A:+set} ${B:+set}", ["python set"]),
    "never set": ("python $NEVER", ["python *"]),
    "unset on purpose": ("A=1; unset A; python x$A", ["python x"]),
    "substitution is unknown": ("python $(cat /x)", ["cat /x >None", "python *"]),
    "arithmetic is unknown": ("python $((1+2))", ["python *"]),
    "cd to nowhere": ("cd /nowhere && python x", ["? python x"]),
    "cd to a new directory": ("mkdir /new && cd /new && ./y && python /x", ["mkdir /new", "./y"]),
    "loop over input": ("cat /x | while read l; do mkdir $l; done; nginx", ["cat /x >None", "? mkdir *", "nginx"]),
    "dirname is known": ("python $(dirname /a/b)/c", ["dirname /a/b >None", "python /a/c"]),
    "export": ("export A=1 && python x", ["python x"]),
    "prefix assignment": ("A=1 python x", ["python x"]),
    "cd": ("cd /app && python app.py", ["python app.py"]),
    "small tools stay certain": ("mkdir -p /z; chmod +x /x && sleep 1; python x",
                                 ["mkdir -p /z", "chmod +x /x", "sleep 1", "python x"]),
    "after a server": ("nginx; python x", ["nginx", "? python x"]),
    "after a server in the background": ("nginx & python x", ["nginx &", "python x"]),
    "background list": ("cd /app && nginx & python x", ["nginx &", "python x"]),
    "redirect": ("python x > out.log", ["python x >/out.log"]),
    "append both": ("cd /app; python x >> out.log 2>&1", ["python x >/app/out.log"]),
    "stderr first": ("python x 2>&1 > /o", ["python x >/o"]),
    "stderr alone": ("python x 2>/dev/null", ["python x 2>/dev/null"]),
    "to the log": ("python x > /dev/stdout 2> /proc/1/fd/2", ["python x"]),
    "redirect to unknown": ("python x > $NEVER", ["? python x >None"]),
    "dash reads &> as background": ("python x &> /o", ["python x &"]),
    "tee": ("python x 2>&1 | tee /l", ["python x", "tee /l"]),
    "tee to null": ("python x | tee /l >/dev/null", ["python x >/l", "tee /l >/dev/null"]),
    "filter": ("python x | grep y", ["python x >None", "grep y"]),
    "redirect of the last in a list": ("mkdir n && python x > /o", ["mkdir n", "python x >/o"]),
    "and after unknown": ("python a && python b", ["python a", "? python b"]),
    "or after small tool": ("mkdir n || exit 1; python b", ["mkdir n", "python b"]),
    "or after unknown": ("python a || python b", ["python a", "? python b"]),
    "true and false": ("true && mkdir n; false && java; false || nginx", ["mkdir n", "nginx"]),
    "if": ("if [ -f z ]; then nginx; elif [ -f y ]; then java; else tail; fi", ["? nginx", "? java", "? tail"]),
    "after an if that returns": ("if [ -f z ]; then A=1; fi; python x$A", ["python *"]),
    "after an if that may exit": ("if [ -f z ]; then exit 1; fi; python x", ["? python x"]),
    "if whose arms agree": ("if [ -f z ]; then A=1; else A=1; fi; python x$A", ["python x1"]),
    "all arms exec": ("if [ -f z ]; then exec nginx; else exec java; fi; python x", ["? nginx", "? java"]),
    "test and": ("[ -f z ] && exec nginx; python x", ["? nginx", "? python x"]),
    "case": ("case $X in a) nginx;; b|c) java & ;; *) exec tail;; esac; python x",
             ["? nginx", "? java &", "? tail", "? python x"]),
    "for": ("for i in 1 2; do mkdir $i; done; python x", ["mkdir 1", "mkdir 2", "python x"]),
    "for with one value": ("for i in 1; do mkdir $i; done", ["mkdir 1"]),
    "while": ("while [ -f z ]; do sleep 1; done; python x", ["? sleep 1", "? python x"]),
    "until": ("until grep x y; do sleep 1; done; python x", ["grep x y", "? sleep 1", "? python x"]),
    "forever": ("while true; do python x; sleep 1; done; nginx", ["python x", "? sleep 1"]),
    "forever with break": ("while :; do mkdir n && break; done; nginx", ["mkdir n", "nginx"]),
    "changed in a loop": ("A=1; for i in 1 2; do mkdir $A; A=x$A; done", ["mkdir 1", "mkdir x1"]),
    "function": ("serve() { python $1 \"$@\"; }; serve a 'b c'", ["python a a b c"]),
    "function returns": ("f() { [ -f z ] && return; mkdir n; }; f; python x", ["? mkdir n", "python x"]),
    "function calls itself": ("f() { f; }; f; python x", ["? python x"]),
    "subshell": ("(cd /app; exit; nginx); python x", ["python x"]),
    "group": ("{ mkdir n; python x; } > /o 2>&1", ["mkdir n >/o", "python x >/o"]),
    "exec ends it": ("exec python x; nginx", ["python x"]),
    "exec redirects": ("exec > /o 2>&1; python x", ["python x >/o"]),
    "exit ends it": ("python x & exit 0; nginx", ["python x &"]),
    "wait": ("python x & wait; nginx", ["python x &", "? nginx"]),
    "trap": ("trap 'nginx -s stop' TERM; python x", ["? nginx -s stop", "python x"]),
    "trap that kills": ('python x & P=$!; trap "kill $P" TERM; wait $P', ["python x &"]),
    "eval": ("eval 'python x' '> /o'", ["python x >/o"]),
    "set --": ('set -- gunicorn "$@" app; exec "$@"', ["gunicorn app"]),
    "shift": ("set -- a b c; shift; python $1 $#", ["python b 2"]),
    "read": ("read X; python $X", ["python *"]),
    "heredoc": ("cat <<EOF > /f\npython y\nEOF\npython x", ["cat >/f", "python x"]),
    "lone dash before a heredoc": ("python - <<'EOF'\nimport os\nEOF\n", ["python -"]),
    "negation": ("! false && python x", ["python x"]),
    "comment": ("# nginx\npython x # y", ["python x"]),
    "continuation": ("python \\\n  --a \\\n  b", ["python --a b"]),
    "glob without match": ("python --allow=* x", ["python --allow=* x"]),
    "glob with match": ("cd /app; python *.py", ["python *"]),
    "broken grammar is unknown": ('python a"b"$NEVER/c', ["python *"]),
    "unknown program": ("$NEVER x; python y", ["* x", "? python y"]),
    "cat runs nothing": ("cat /home/run.sh", ["cat /home/run.sh"]),
    "missing and": ("nothere && nginx; python x", ["nothere", "python x"]),
    "errexit after a copy of nothing": ("set -e; cp /no/file /tmp; nginx", ["cp /no/file /tmp", "? nginx"]),
    "errexit after missing": ("set -e; nothere; nginx", ["nothere"]),
    "errexit after small tool": ("set -e; mkdir n; nginx", ["mkdir n", "nginx"]),
    "errexit after test": ("set -e; [ -f z ]; nginx", ["? nginx"]),
    "command builtin": ("command -v nginx; command python x", ["python x"]),
    "condition runs": ("if grep -x a b; then nginx; fi; python x", ["grep -x a b", "? nginx", "? python x"]),
    # Wrappers.
    "nohup": ("nohup python x > /o 2>&1 &", ["python x & >/o"]),
    "nice time env": ("nice -n 5 time -p env A=1 python x", ["python x"]),
    "env": ("env -u FROM_ENV A=1 python x", ["python x"]),
    "stdbuf": ("stdbuf -oL -e L python x", ["python x"]),
    "timeout": ("timeout -k 5 60 python x", ["python x"]),
    "setsid forks": ("setsid -f python x", ["python x &"]),
    "sh in sh": ("sh -c 'python x'", ["python x"]),
    "bash -ec with arguments": ("bash -ec 'python $0 $1' a b", ["python a b"]),
    "xargs": ("xargs python x", ["xargs python x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str) -> None:
    text, wanted = TEXTS[name]
    found = follow({**sh(text), "Env": ["FROM_ENV=yes"]})
    assert shown(found) == wanted


SCRIPTS = {
    # /home/run.sh and its like: run, files, steps.
    "run.sh by sh": (RUN, "python x", [R, "python x"]),
    "run.sh by bash": (BASH, "python x &> /o", [B, "python x >/o"]),
    "run.sh by shebang": ({"Cmd": ["/home/run.sh", "a"]}, "#!/bin/bash -e\npython $1", ["/home/run.sh a", "python a"]),
    "run.sh by env": ({"Cmd": ["/home/run.sh"]}, "#!/usr/bin/env bash\npython x", ["/home/run.sh", "python x"]),
    "run.sh in shell form": (sh("/home/run.sh"), "python x", ["/home/run.sh", "python x"]),
    "sourced": (sh(". /home/run.sh; python $A"), "A=1", [". /home/run.sh", "python 1"]),
    "sourced, exit": (sh(". /home/run.sh; python x"), "exit 1", [". /home/run.sh"]),
    "own directory": (RUN, 'cd "$(dirname "$0")" && python x', [R, "dirname /home/run.sh >None", "python x"]),
    "own directory, long": (
        BASH,
        'D="$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd)"; python "$D/x"',
        [B, "dirname /home/run.sh >None", "python /home/x"],
    ),
    "calls itself": (RUN, "sh /home/run.sh", [R] * 16),
    "arguments": ({"Entrypoint": ["sh", "/home/run.sh"], "Cmd": ["a", "b"]}, 'exec python "$@"', [f"{R} a b", "python a b"]),
    "options": ({"Cmd": ["bash", "-x", "-o", "pipefail", "/home/run.sh"]}, "python x",
                ["bash -x -o pipefail /home/run.sh", "python x"]),
    "tini": ({"Entrypoint": ["tini", "-g", "--"], "Cmd": ["sh", "/home/run.sh"]}, "python x", [R, "python x"]),
    "dumb-init": ({"Entrypoint": ["dumb-init", "--rewrite", "15:2", "--"], "Cmd": ["sh", "/home/run.sh"]}, "",
                  [R]),
    "gosu": ({"Cmd": ["gosu", "7:7", "sh", "/home/run.sh"]}, "", [R]),
    "setpriv": ({"Cmd": ["setpriv", "--reuid", "1000", "--init-groups", "sh", "/home/run.sh"]}, "", [R]),
    "relative": ({"Cmd": ["sh", "run.sh"], "WorkingDir": "/home"}, "pwd; python x", ["sh run.sh", "python x"]),
    "swallowed Cmd": ({"Entrypoint": ["/bin/sh", "-c", "python x"], "Cmd": ["sh", "/home/run.sh"]}, "", ["python x"]),
    "Cmd through $0": ({"Entrypoint": ["/bin/sh", "-c", 'exec "$0" "$@"'], "Cmd": ["sh", "/home/run.sh"]}, "", [R]),
    "pip-like tool first": (RUN, "python -m pip install x\nexec gunicorn a", [R, "python -m pip install x", "? gunicorn a"]),
    "dash and [[": (RUN, "[[ -f x ]] && nginx; python x", [R, "python x"]),
    "dash and arrays": (RUN, "A=(1 2)\npython x", [R, "? python x"]),
    "bash and arrays": (BASH, "A=(1 2)\npython ${A[0]}", [B, "python *"]),
    "syntax error": (RUN, "python x\nif true; then", [R, "? python x"]),
    "process substitution": (BASH, "exec > >(tee /l) 2>&1; python x", [B, "tee /l &", "python x >None"]),
    "allexport": (RUN, "set -a; B=1; set +a; exec python x", [R, "python x"]),
    "byte order mark": (RUN, "\ufeff#!/bin/sh\npython x", [R, "python x"]),
    "CR in a comment": (RUN, "# x\r\npython x\n", [R, "python x"]),
    "overwritten first": (RUN, "cp /x /home/two.sh; sh /home/two.sh", [R, "cp /x /home/two.sh", "sh /home/two.sh"]),
    "chmod first": (RUN, "chmod +x /home/two.sh && /home/two.sh", [R, "chmod +x /home/two.sh", "/home/two.sh", "nginx"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(name: str) -> None:
    run, text, wanted = SCRIPTS[name]
    found = follow(run, script(text), file("home/two.sh", "#!/bin/sh\nnginx"))
    assert shown(found) == wanted
    ran = [step for step in found.steps if step.script == "home/run.sh"]
    assert bool(ran) == (name != "swallowed Cmd")


def test_the_trail_leads_from_the_config_to_the_line() -> None:
    found = follow(
        sh("/opt/a"), script("set -e\n\npython app.py", "home/real.sh"), symlink("opt/a", "/home/real.sh")
    )
    step = found.steps[-1]
    assert [(item.pointer, item.path, item.line, item.layer) for item in step.trail] == [
        ("config#/config/Cmd", None, None, None),
        (None, "/home/real.sh", 3, 0),
    ]
    assert found.steps[0].script == "home/real.sh"
    assert step.trail[0].seen == "/opt/a"
    assert step.program
    assert step.program.path == "usr/bin/python3.11"


def test_environment_directory_and_script_of_a_step() -> None:
    run = {**sh("export A=1 B=$NEVER; C=2 python app.py"), "Env": ["PATH=/usr/bin:/bin"], "WorkingDir": "app"}
    step = follow(run).steps[0]
    assert step.script == "app/app.py"
    assert step.cwd == "/app"
    assert dict(step.env) == {
        "A": "1",
        "B": None,
        "C": "2",
        "HOME": None,
        "HOSTNAME": None,
        "PATH": "/usr/bin:/bin",
    }


def test_env_clears_and_unsets() -> None:
    run = {"Cmd": ["env", "-i", "A=1", "/usr/bin/env", "-u", "A", "B=2", "python", "x"], "Env": ["C=3"]}
    assert dict(follow(run).steps[0].env) == {"B": "2"}


def test_a_console_script_is_one_step_with_its_file() -> None:
    step = follow({"Cmd": ["gunicorn", "-b", "0.0.0.0:8080", "app:app"]}).steps[0]
    assert step.argv == ("gunicorn", "-b", "0.0.0.0:8080", "app:app")
    assert step.script == "usr/bin/gunicorn"
    assert step.program
    assert step.program.path == "usr/bin/gunicorn"


def test_java_and_modules_are_leaves() -> None:
    for words in (["java", "-jar", "/app/x.jar"], ["python", "-m", "http.server"], ["python", "-c", "1"]):
        found = follow({"Cmd": words})
        assert [step.argv for step in found.steps] == [tuple(words)]
        assert (found.steps[0].script, found.gaps, found.failures) == (None, (), ())


def test_nothing_is_certain_behind_an_unknown_file() -> None:
    found = follow({"Cmd": ["bash", "-lc", 'source "$NEVER" && python /x']})
    assert shown(found) == ["? python /x"]
    assert found.steps[0].program is None
    assert found.steps[0].script == "x"
    assert found.gaps


def test_busybox_without_links() -> None:
    base = [program("bin/busybox")]
    found = follow(
        {"Cmd": ["busybox", "sh", "/home/run.sh"]}, script("[[ -f x ]]; /bin/busybox sleep 1"), base=base
    )
    assert shown(found) == ["busybox sh /home/run.sh", "/bin/busybox sleep 1"]
    assert found.steps[0].script == "home/run.sh"
    linked = follow(RUN, script(""), base=[*base, symlink("bin/sh", "busybox")])
    assert shown(linked) == [R]
    assert not linked.failures


FAILURES = {
    "nothing": ({}, "no start command"),
    "not on PATH": ({"Cmd": ["nothere"]}, "no program 'nothere' on PATH"),
    "PATH counts": ({"Cmd": ["nginx"], "Env": ["PATH=/bin"]}, "no program 'nginx' on PATH (/bin)"),
    "no such file": ({"Cmd": ["/app/nothere"]}, "there is no /app/nothere"),
    "dangling": ({"Cmd": ["/dangling"]}, "is a link to /nowhere"),
    "directory": ({"Cmd": ["/app"]}, "not a regular file"),
    "no execute bit": ({"Cmd": ["/app/app.py"]}, "no execute bit"),
    "no interpreter": ({"Cmd": ["/noint"]}, "interpreter '/bin/none'"),
    "CR in the shebang": ({"Cmd": ["/crlf"]}, "CR LF"),
    "no shebang": ({"Cmd": ["/plain"]}, "without a '#!' line"),
    "byte order mark": ({"Cmd": ["/bom"]}, "without a '#!' line"),
    "shell form, last": (sh("mkdir a; nothere"), "no program 'nothere'"),
    "exec": (sh("exec nothere; nginx"), "no program 'nothere'"),
    "script missing": ({"Cmd": ["sh", "/home/none.sh"]}, "/home/none.sh is not in the image"),
    "python file missing": ({"Cmd": ["python", "/none.py"]}, "/none.py is not in the image"),
    "wrapped": ({"Cmd": ["tini", "--", "nothere"]}, "no program 'nothere'"),
    "no wrapper": ({"Entrypoint": ["su-exec", "app"], "Cmd": ["python"]}, "no program 'su-exec'"),
    "CRLF script": ({"Cmd": ["sh", "/crlf"]}, "no program 'nginx\\r'"),
    "left alone": (sh("cd /app; nohup nginx > /o &"), "runs in the background"),
    "CRLF set": ({"Cmd": ["sh", "/crlfset"]}, "refuses the option"),
    "library missing": (
        {"Cmd": ["/lacking"]},
        "needs the shared library libgone.so.1, which is not in the image",
    ),
    "of an interpreter": ({"Cmd": ["/by-lacking"]}, "/lacking needs the shared library libgone.so.1"),
}
BROKEN = [
    program(LOADER[1:]),
    program("lacking", dynamic_elf(["libgone.so.1"])),
    program("by-lacking", "#!/lacking\n"),
    symlink("dangling", "/nowhere"),
    program("noint", "#!/bin/none\n"),
    program("crlf", "#!/bin/sh\r\nnginx\r\n"),
    program("crlfset", "#!/bin/sh\r\nset -e\r\nnginx\r\n"),
    program("plain", "python x\n"),
    program("bom", "\ufeff#!/bin/sh\npython x\n"),
]


@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str) -> None:
    run, message = FAILURES[name]
    failures = follow(run, *BROKEN).failures
    assert len(failures) == 1
    assert message in failures[0].message


def test_a_library_that_may_come_is_not_missed() -> None:
    for run in (
        {"Cmd": ["/lacking"], "Env": ["LD_LIBRARY_PATH=/own"]},
        sh("export LD_LIBRARY_PATH=$(cat /nowhere); /lacking"),
        sh("apt-get install -y gone; /lacking"),
    ):
        assert not follow(run, *BROKEN, file("own/libgone.so.1", elf())).failures
    assert follow({"Cmd": ["/lacking"]}, *BROKEN[1:]).failures


@pytest.mark.parametrize(
    "text",
    [
        "nginx & wait",
        "nginx & tail",
        "nothere; nginx",
        "nothere &\nnginx",
        "[ -f z ] && nothere",
        "cp -r a b; nothere",
        "/plain",
        "nginx || nothere",
    ],
)
def test_no_failure_while_the_container_may_start(text: str) -> None:
    assert not follow(sh(text), *BROKEN).failures


GAPS = {
    "unread layer": None,
    "eval $NEVER": "eval of a text",
    "$NEVER": "name of the program",
    ". $NEVER": "whose name is not known",
    "curl x | sh": "standard input",
    "xargs python": "not followed",
    "PATH=$NEVER; python x": "PATH is not known",
    "cd $NEVER; ./x": "working directory is not known",
    "bash -lc 'source activate x && nginx'": "activate is not in the image",
    "gosu nobody bash -lc nginx": "files of HOME",
    'trap "$NEVER" TERM': "handler that is not known",
    "if true": "no shell syntax",
    "timeout $NEVER python x": "not understood",
    "cp -r a b; nothere": "may have made it",
    "alias a=b": "aliases",
    "sh /big.sh": "more than the",
    "f() { f; f; }; f": "too deep to follow",
}


@pytest.mark.parametrize("text", GAPS)
def test_gaps(text: str) -> None:
    message = GAPS[text]
    if message is None:
        image = parse_config(config([], {"Cmd": ["nothere"]}), "config.json", Limits())
        found = follow_start_command(image, RootFs([scan(layer(*BASE)), None]))
        assert not found.failures
        message = "not every layer"
    else:
        found = follow(sh(text), script(":\n" * 40_000, "big.sh"))
    assert any(message in gap.message for gap in found.gaps), found.gaps


def test_a_script_that_was_not_kept_is_a_gap() -> None:
    image = parse_config(config([], RUN), "config.json", Limits())
    kept = {"bin/dash": 1_000}
    raw = layer(*BASE, script("python x\n"))
    view = RootFs([scan(raw, lambda name, size, mode: kept.get(name.decode(), 0))])  # noqa: ARG005
    found = follow_start_command(image, view)
    assert found.steps[0].script == "home/run.sh"
    assert any("was not kept" in gap.message for gap in found.gaps)


def test_what_is_declared_is_enough() -> None:
    image = parse_config(config([], {"Cmd": ["/home/run.sh"]}), "config.json", Limits())
    items = [script("#!/bin/sh\n. /app/env.sh\nexec serve\n"), script("", "app/env.sh", 0o644)]
    items.append(script("#!/bin/sh\nexec nginx\n", "usr/bin/serve"))
    found = follow_start_command(image, RootFs([scan(layer(*BASE, *items), compile_wanted(WANTED))]))
    assert shown(found)[-1] == "nginx"
    assert found.gaps == ()


HOSTILE = {
    "one line of 10 MB": "a" * 10_000_000,
    "deep subshells": "(" * 30_000 + ")" * 30_000,
    "deep groups": "{ " * 20_000,
    "deep substitutions": "$(" * 30_000,
    "deep quotes": '"$(' * 20_000,
    "deep defaults": "${A:-" * 12_000,
    "deep ifs": "if a; then " * 5_000,
    "long list": "a && " * 12_000 + "a",
    "long pipeline": "a | " * 12_000 + "a",
    "many cases": "case a in " + "a) b;; " * 8_000 + "esac",
    "doubling": "A=aa\n" + "A=$A$A\n" * 5_000 + "python $A",
    "doubling arguments": "set -- a a\n" + 'set -- "$@" "$@"\n' * 3_000 + 'python "$@"',
    "fork bomb": "f() { f | f & }; f",
    "loops in loops": "for a in 1; do " * 25 + "sh $0" + "; done" * 25,
    "functions": "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(30)) + "f0",
    "sources itself": ". /home/run.sh\n. /home/run.sh",
    "starts itself twice": "sh $0 & sh $0",
    "quotes": "'\"`" * 20_000,
    "heredocs": "cat <<A\n" * 5_000,
    "garbage": bytes(range(2, 256)).decode("latin-1") * 200,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_scripts_end_soon_with_a_gap(name: str) -> None:
    found = follow(BASH, script(HOSTILE[name]))
    assert found.gaps or name in {"long list", "many cases", "doubling", "doubling arguments"}
    assert len(found.steps) <= 200
    assert all(sum(len(word or "") for word in step.argv) < 1_000_000 for step in found.steps)


def test_evidence_for_a_shell_form_entrypoint_explains_cmd() -> None:
    found = follow({"Entrypoint": ["/bin/sh", "-c", "python x"], "Cmd": ["a"]})
    cmd, entrypoint = found.steps[0].trail
    assert "$0" in cmd.message
    assert json.loads(cmd.seen or "") == ["a"]
    assert entrypoint.pointer == "config#/config/Entrypoint"
    assert found.argv == ("/bin/sh", "-c", "python x", "a")


@pytest.mark.parametrize(
    ("user", "mode", "certain"),
    [
        ("", 0o600, True),
        ("0:0", 0o600, True),
        ("1000", 0o644, True),
        ("1000", 0o600, False),
        ("app", 0o640, False),
    ],
)
def test_a_file_that_the_user_may_not_read(user: str, mode: int, certain: bool) -> None:
    found = follow({"Cmd": ["python3", "/srv/x.py"], "User": user}, file("srv/x.py", "print(1)\n", mode))
    assert [step.certain for step in found.steps] == [certain]
    assert bool(found.gaps) is not certain
