"""Everything the rules may know about one image, each part worked out once and only when a rule asks."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import attrs

from imagespec.analyzers import logs, modelfile, sizes
from imagespec.analyzers.indicators import indicators
from imagespec.analyzers.malware.scanners import OpenScanners
from imagespec.analyzers.modelfile import ModelFile
from imagespec.analyzers.packagedb import owners
from imagespec.analyzers.programs import libraries, packages, programs, scripts
from imagespec.analyzers.programs.scripts import ScriptJudgement
from imagespec.analyzers.python import pythonlogs
from imagespec.analyzers.routes import routes
from imagespec.analyzers.routes.routes import Answers
from imagespec.analyzers.routes.routing import Answer
from imagespec.analyzers.servers import listeners
from imagespec.analyzers.servers.listening import Listening
from imagespec.analyzers.startup import start
from imagespec.analyzers.startup.steps import StartCommand, Step
from imagespec.analyzers.wanted import Wanted
from imagespec.documents.model_config import ModelConfig
from imagespec.entry import Entry, EntryKind
from imagespec.image import Image
from imagespec.limits import Limits
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan

BOOT_FILE = "/home/run.sh"
"""Where batch services start: "Specifications for Custom Images Used for Importing Models", image boot file."""

PLATFORM_PORT = 8080
"""Where the platform calls the service: the same document, external port of images."""

WANTED: tuple[Wanted, ...] = (
    *indicators.WANTED,
    *libraries.WANTED,
    *listeners.WANTED,
    *modelfile.WANTED,
    *owners.WANTED,
    *packages.WANTED,
    *programs.WANTED,
    *scripts.WANTED,
    *start.WANTED,
)
"""The files that any analyzer may read."""


class Facts:
    """
    One image, its layers' scans (None where a layer could not be read) and what the analyzers make of them.

    ``batch`` says that the image is judged as a batch service; ``given_config`` is the model configuration that the
    caller gave beside the image. ``scanners`` are given the content of every file.
    """

    def __init__(
        self,
        image: Image,
        scans: Sequence[LayerScan | None],
        *,
        batch: bool = False,
        given_config: ModelConfig | None = None,
        scanners: OpenScanners | None = None,
    ) -> None:
        self.image = image
        self.scans = scans
        self.batch = batch
        self.limits: Limits = image.request.limits
        self.rootfs = RootFs(scans, self.limits, layers=image.layers)
        self._given_config = given_config
        self._scanners = scanners

    @functools.cached_property
    def sizes(self) -> sizes.ImageSizes:
        """The image's sizes."""
        return sizes.measure(self.scans, self.rootfs)

    @functools.cached_property
    def start(self) -> StartCommand:
        """What the start command runs."""
        return start.follow_start_command(self.image.config, self.rootfs)

    @functools.cached_property
    def listening(self) -> Listening:
        """Who listens where."""
        return listeners.find_listeners(self.start, self.rootfs)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What the start command runs, and what Python programs among it start."""
        return (*self.start.steps, *self.listening.steps)

    @functools.cached_property
    def routes(self) -> Answers:
        """What the service's server answers: the one on the platform's port, or any while there is none."""
        on_port = [listener for listener in self.listening.listeners if listener.port == PLATFORM_PORT]
        return routes.find_routes(on_port or self.listening.listeners, self.listening, self.rootfs)

    def answer(self, method: str, url: str, protocol: str | None = None) -> Answer:
        """
        Tell whether the service answers a request.

        ``protocol`` is ``http`` or ``https`` where the configuration says it: a server that certainly speaks the other
        one answers nothing.
        """
        gaps = tuple(dict.fromkeys((*self.start.gaps, *self.listening.gaps)))
        if self.start.failures:
            return Answer(served=None, message="the container cannot start", evidence=self.start.failures)
        if not self.listening.listeners:
            return Answer(
                served=None, message="no server was found; see service-port", evidence=self.listening.gaps
            )
        ports = {listener.port for listener in self.listening.listeners}
        if gaps and not ports & {PLATFORM_PORT, None}:
            # A proxy that is not understood may answer there, and serve other URLs than the server behind it.
            message = f"which server answers on port {PLATFORM_PORT} is not known; see service-port"
            return Answer(served=None, message=message, evidence=gaps)
        return self._speaks_otherwise(protocol) or self.routes.answer(method, url)

    def _speaks_otherwise(self, protocol: str | None) -> Answer | None:
        """Return the answer of a server on the platform's port whose protocol is certainly not ``protocol``."""
        on_port = [listener for listener in self.listening.listeners if listener.port == PLATFORM_PORT]
        if protocol is None or not on_port or any(one.tls is not (protocol == "http") for one in on_port):
            return None
        spoken = "https" if protocol == "http" else "http"
        message = f"{on_port[0].server} speaks {spoken} on port {PLATFORM_PORT}, and the configuration says {protocol}"
        return Answer(served=False, message=message, evidence=on_port[0].evidence)

    @functools.cached_property
    def log_sinks(self) -> logs.LogSinks:
        """Where the programs of the start command log."""
        python = pythonlogs.find_python_logs(self.listening)
        return logs.find_log_sinks(self.start, self.listening, python, self.rootfs)

    @functools.cached_property
    def model_file(self) -> ModelFile:
        """The model configuration: the caller's, else the image's own."""
        if self._given_config is not None:
            return ModelFile(self._given_config)
        return modelfile.find_model_file(self.rootfs, self.image.config, self.limits, batch=self.batch)

    @functools.cached_property
    def indicators(self) -> indicators.Indicators:
        """What may be malicious, and what was looked at."""
        return indicators.find_indicators(self.image, self.rootfs, self.scans, self._scanners)

    @functools.cached_property
    def boot_file(self) -> Entry | None:
        """What the path of the boot file leads to; None when that is nothing."""
        return self.rootfs.resolve(BOOT_FILE)

    @functools.cached_property
    def boot_script(self) -> ScriptJudgement | None:
        """Whether the boot file can run, by the interpreter that the start command hands it to; None without one."""
        entry = self.boot_file
        if entry is None or entry.kind is not EntryKind.FILE:
            return None
        config = self.image.config
        path = config.environment().get("PATH")
        interpreter: str | None = (
            "/bin/sh"  # what the documents hand it to, where the command itself does not tell
        )
        for step in self.steps:
            # A start that is refused (no execute bit, no interpreter) has the file as its program, and no script.
            direct = step.program is not None and step.program.path == entry.path
            if direct and step.script == entry.path:
                entry = attrs.evolve(
                    entry, mode=entry.mode | 0o111
                )  # it starts, so a chmod before it may have seen to that
            if (
                direct
                and step.script == entry.path
                and not (self.rootfs.content(entry) or b"#!").startswith(b"#!")
            ):
                break  # a shell reads it itself where the kernel refuses it (POSIX, Command Search and Execution)
            if direct or (step.script == entry.path and step.argv and step.argv[0]):
                interpreter = None if direct or step.program is None else step.argv[0]
                break
        return scripts.judge_script(self.rootfs, entry, interpreter, config.architecture, path=path)

    @property
    def boot_file_is_broken(self) -> bool:
        """Tell whether a batch service's boot file certainly cannot run, so that nothing behind it does."""
        return self.batch and (self.boot_script is None or self.boot_script.usable is False)

    @property
    def starts_boot_file_directly(self) -> bool:
        """Tell whether the start command names the boot file as a program of its own: were it one, it would run."""
        boot = self.boot_file
        return boot is not None and any(
            step.program and step.program.path == boot.path for step in self.steps
        )
