"""A server that speaks clamd's protocol as clamd(8) documents it, for what a real one does rarely."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MARK = b"what the fake clamd knows"
VERSION = b"ClamAV 1.4.6/27000/Sun Nov 22 09:00:00 2026"


class FakeClamd:
    """Answers one connection after the other; ``most_bytes`` is its StreamMaxLength, ``dies_after`` hangs up then."""

    def __init__(self, path: Path, *, most_bytes: int = 1 << 20, dies_after: int = 1 << 30) -> None:
        self.asked = 0
        self._most_bytes = most_bytes
        self._dies_after = dies_after
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, connection.makefile("rb") as file, contextlib.suppress(ConnectionError):
                    answer = self._answer(file)
                    if answer:
                        connection.sendall(answer + b"\0")

    def _answer(self, file: BinaryIO) -> bytes:
        command = b""
        while not command.endswith(b"\0"):
            byte = file.read(1)
            if not byte:
                return b""
            command += byte
        if self.asked > self._dies_after:
            return b""
        if command in {b"zVERSION\0", b"zPING\0"}:
            return VERSION if command == b"zVERSION\0" else b"PONG"
        assert command == b"zINSTREAM\0"
        self.asked += 1
        if self.asked > self._dies_after:
            return b""
        data = b""
        while length := struct.unpack(">I", file.read(4))[0]:
            data += file.read(length)
            if len(data) > self._most_bytes:
                return b"INSTREAM size limit exceeded. ERROR"
        return b"stream: Fake.Mark-1 FOUND" if MARK in data else b"stream: OK"


@contextlib.contextmanager
def fake_clamd(path: Path, **options: int) -> Iterator[FakeClamd]:
    """Run one for the length of a block."""
    server = FakeClamd(path, **options)
    try:
        yield server
    finally:
        server.close()
