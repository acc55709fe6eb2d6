"""
Model servers with interfaces of their own: TorchServe, Triton, TensorFlow Serving, MLServer, vLLM, BentoML.

Whether they come to listen depends on models, devices and configuration that are not followed, so none of them is
certain; where they would listen is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

import attrs

from imagespec.analyzers.servers.listening import FixedApi, Listener, Listening
from imagespec.analyzers.servers.words import Command, port_number

_PROPERTY = re.compile(r"\s*([A-Za-z_][\w.]*)\s*[=:]\s*(.*?)\s*\Z")
_ADDRESS = re.compile(r"(https?)://(\[[0-9a-fA-F:]+\]|[^/:]*)(?::([0-9]{1,5}))?/?\Z")
_FALSE = {"false", "0", "no"}


@attrs.frozen
class _Words:
    """A command line read loosely: options that are not asked for are passed over."""

    words: tuple[str | None, ...]

    def get(self, *names: str, default: str | None = "") -> str | None:
        """Return the last value of an option; None when it may be unknown."""
        value = default
        for number, word in enumerate(self.words):
            if word is None:
                return None  # it may be any option
            name, equals, text = word.partition("=")
            if name in names:
                value = text if equals else (self.words[number + 1] if number + 1 < len(self.words) else None)
        return value

    def has(self, *names: str) -> bool:
        """Tell whether an option is given."""
        return any(word is not None and word.partition("=")[0] in names for word in self.words)


def _made(
    command: Command, server: str, host: str | None, port: str | None, api: FixedApi, source: str
) -> Listening:
    shown = f"{'an unknown host' if host is None else host or 'all interfaces'}, port {port or 'unknown'}"
    evidence = attrs.evolve(command.evidence, message=f"{server} listens on {shown}; {source}")
    listener = Listener(
        host=host,
        port=port_number(port),
        server=server,
        certain=False,
        evidence=(*command.step.trail[:-1], evidence),
        api=api,
    )
    return Listening(listeners=(listener,))


def follow_torchserve(command: Command) -> Listening:
    """TorchServe 0.4 to 0.12 (docs/configuration.md): TS_CONFIG_FILE, --ts-config, config.properties; loopback, 8080."""
    words = _Words(command.words)
    if words.has("--stop", "--version", "-v", "--help", "-h") or (
        not words.has("--start") and None not in command.words
    ):
        return command.never("torchserve does not start its server here")
    named = words.get("--ts-config")
    path = command.step.env.get("TS_CONFIG_FILE", named) or (None if named is None else "config.properties")
    if path is None or command.step.cwd is None or ("TS_CONFIG_FILE" in command.step.env and not path):
        return command.gap("torchserve: its configuration is not known")
    full = posixpath.normpath(posixpath.join(command.step.cwd, path))
    entry = command.rootfs.resolve(full)
    text = command.rootfs.content(entry) if entry is not None else b""
    changed = command.changed_before([full])
    if text is None or changed or (entry is None and (named or not command.rootfs.complete)):
        return command.gap(f"torchserve: its configuration {full} is not known")
    settings = _properties(text.decode("utf-8", "replace"))
    if settings.get("enable_envvars_config") == "true":
        return command.gap("torchserve takes its configuration from the environment as well")
    address = _ADDRESS.match(settings.get("inference_address", "http://127.0.0.1:8080"))
    if address is None:
        return command.gap(f"torchserve: its inference_address in {full} is not understood")
    scheme, host, port = address.groups()
    source = f"from {full}" if entry is not None else "its default, http://127.0.0.1:8080"
    port = port or ("443" if scheme == "https" else "80")
    made = _made(command, "torchserve", host.strip("[]"), port, FixedApi(kind="torchserve"), source)
    (listener,) = made.listeners
    evidence = listener.evidence[-1]
    if entry is not None:
        evidence = attrs.evolve(evidence, path="/" + entry.path, layer=entry.layer, pointer=None)
    listener = attrs.evolve(listener, tls=scheme == "https", evidence=(*listener.evidence[:-1], evidence))
    return Listening(listeners=(listener, *_others(listener, settings)))


def _others(first: Listener, settings: Mapping[str, str]) -> list[Listener]:
    """Return the management and metrics listeners, which have addresses of their own."""
    found = []
    for name, default in (
        ("management_address", "http://127.0.0.1:8081"),
        ("metrics_address", "http://127.0.0.1:8082"),
    ):
        address = _ADDRESS.match(settings.get(name, default))
        host, port = (address[2].strip("[]"), address[3] or "80") if address else (None, None)
        if port is not None and (host, port) == (first.host, str(first.port)):
            continue
        found.append(
            attrs.evolve(
                first,
                host=host,
                port=port_number(port),
                api=FixedApi(kind="other"),
                server=f"torchserve ({name})",
            )
        )
    return found


def _properties(text: str) -> dict[str, str]:
    """Return a Java properties file: lines ``key=value``, comments behind ``#`` and ``!``."""
    found = {}
    for line in text.splitlines()[:2_000]:
        match = _PROPERTY.match(line[:4_000])
        if match and not line.lstrip().startswith(("#", "!")):
            found[match[1]] = match[2]
    return found


def follow_triton(command: Command) -> Listening:
    """Triton 2.x (command_line_parser.cc): --http-port 8000, --http-address 0.0.0.0; it exits where a model fails."""
    words = _Words(command.words)
    if words.has("--allow-sagemaker", "--allow-vertex-ai", "--http-restricted-api"):
        return command.gap("tritonserver: its options for other platforms are not followed")
    if (words.get("--allow-http") or "").lower() in _FALSE and words.has("--allow-http"):
        return command.never("tritonserver serves no HTTP here (--allow-http)")
    host, port = words.get("--http-address", default="0.0.0.0"), words.get("--http-port", default="8000")  # noqa: S104
    return _made(
        command, "tritonserver", host, port, FixedApi(kind="triton"), "its defaults are 0.0.0.0 and 8000"
    )


def follow_tensorflow_serving(command: Command) -> Listening:
    """TensorFlow Serving 2.x (model_servers/main.cc): --rest_api_port is off by default, 8501 in the image's own script."""
    words = _Words(command.words)
    port = words.get("--rest_api_port", default="0")
    name = words.get("--model_name", default="default")
    known = name if not words.has("--model_config_file") else None
    if port == "0":
        return command.never("tensorflow_model_server serves no HTTP without --rest_api_port, gRPC only")
    api = FixedApi(kind="tensorflow-serving", models=None if known is None else (known,))
    return _made(command, "tensorflow_model_server", "0.0.0.0", port, api, "from --rest_api_port")  # noqa: S104


def follow_mlserver(command: Command) -> Listening:
    """MLServer 1.x (settings.py): 0.0.0.0 and 8080; settings.json and MLSERVER_HTTP_PORT."""
    if command.words[:1] != ("start",):
        return command.never("mlserver does not start its server here")
    folder = command.words[1] if len(command.words) > 1 else None
    if folder is None or command.step.cwd is None:
        return command.gap("mlserver: its folder is not known")
    settings = command.rootfs.resolve(posixpath.join(command.step.cwd, folder, "settings.json"))
    if settings is not None:
        return command.gap("mlserver: its settings.json is not followed")
    host = command.step.env.get("MLSERVER_HOST", "0.0.0.0")  # noqa: S104
    port = command.step.env.get("MLSERVER_HTTP_PORT", "8080")
    return _made(
        command, "mlserver", host, port, FixedApi(kind="mlserver"), "its defaults are 0.0.0.0 and 8080"
    )


def follow_vllm(command: Command) -> Listening:
    """VLLM 0.4 to 0.11 (entrypoints/openai/cli_args.py): all interfaces, port 8000."""
    words = _Words(command.words)
    if words.has("--uds", "--config", "--ssl-certfile", "--headless"):
        return command.gap("vllm: some of its options are not followed")
    host, port = words.get("--host"), words.get("--port", default="8000")
    return _made(
        command, "vllm", host, port, FixedApi(kind="vllm"), "its defaults are all interfaces and 8000"
    )


def _vllm_command(command: Command) -> Listening:
    if command.words[:1] != ("serve",):
        return command.gap("vllm is started with another command than serve")
    return follow_vllm(command)


def follow_bentoml(command: Command) -> Listening:
    """BentoML 1.x (configuration/v1/default_configuration.yaml): 0.0.0.0 and 3000."""
    words = _Words(command.words)
    if command.words[:1] not in {("serve",), ("serve-http",)} or words.has("--development", "--reload"):
        return command.gap("bentoml is started in a way that is not followed")
    if any(name.startswith("BENTOML_") for name in command.step.env):
        return command.gap("bentoml takes its configuration from the environment as well")
    port = words.get("--port", "-p", default=command.step.env.get("PORT", "3000"))
    host = words.get("--host", default="0.0.0.0")  # noqa: S104
    return _made(
        command, "bentoml", host, port, FixedApi(kind="bentoml"), "its defaults are 0.0.0.0 and 3000"
    )


COMMANDS: Mapping[str, Callable[[Command], Listening]] = {
    "torchserve": follow_torchserve,
    "tritonserver": follow_triton,
    "tensorflow_model_server": follow_tensorflow_serving,
    "mlserver": follow_mlserver,
    "vllm": _vllm_command,
    "vllm.entrypoints.openai.api_server": follow_vllm,
    "bentoml": follow_bentoml,
}
"""By the name of the program, or of the module that ``python -m`` runs."""
