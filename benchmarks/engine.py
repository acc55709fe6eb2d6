"""
Private container engines for the fixtures and for the benchmark images.

Each engine is a daemon started here with its own directories and socket, and
stopped at the end of its `with` block: an engine that already runs on the
machine is neither used nor changed. Needs root, and a state directory that does
not itself lie on an overlay file system.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Debian's own programs: another client may come first in PATH.
DOCKER = "/usr/bin/docker"
DOCKERD = "/usr/sbin/dockerd"

START_SECONDS = 60.0
STOP_SECONDS = 30.0

# No network set-up: images are built from what is on the machine, with `--network=none`.
DOCKERD_OPTIONS = ("--iptables=false", "--bridge=none", "--storage-driver=overlay2")


@dataclass(frozen=True)
class Client:
    """The command line of one engine: call it with a command's words, get the standard output."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def __call__(self, *words: str | Path) -> str:
        """Run one command; a failing one raises, and its standard error goes to the terminal."""
        return run(*self.words, *words, environment=dict(self.environment))


def run(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a program to its end and give its standard output."""
    done = subprocess.run(
        [str(word) for word in words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    return done.stdout


def package_version(package: str, root: Path = Path("/")) -> str:
    """Give the version of an installed Debian package, the most exact name of the tools in it."""
    return run("dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "-W", "-f", "${Version}", package)


@contextmanager
def docker_engine(state: Path) -> Iterator[Client]:
    """Run the machine's own Docker engine below `state`."""
    socket = state / "docker.sock"
    client = _docker_client(socket)
    with _daemon([DOCKERD, *_docker_paths(state), *DOCKERD_OPTIONS], socket, client):
        yield client


@contextmanager
def docker_engine_in(root: Path, *, containerd_store: bool = False) -> Iterator[Client]:
    """
    Run the Docker engine that is installed in another root file system (see `bootstrap`).

    It starts without images. `containerd_store` makes it keep them in containerd, as new installations
    of Docker 29 do.
    """
    state = Path("/var/lib/engine-containerd" if containerd_store else "/var/lib/engine")
    outside = root / state.relative_to("/")
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir(parents=True)
    configuration = outside / "daemon.json"
    configuration.write_text(
        f'{{"features": {{"containerd-snapshotter": {str(containerd_store).lower()}}}}}\n'
    )
    options = [option for option in DOCKERD_OPTIONS if not (containerd_store and "storage" in option)]
    words = [DOCKERD, *_docker_paths(state), f"--config-file={state}/daemon.json", *options]
    socket = outside / "docker.sock"
    client = _docker_client(socket)
    # The engine wants its `/` to be a mount point; these live in its namespace and go away with it.
    mounts = 'mount --bind "$0" "$0"; for d in proc sys dev; do mount --rbind /$d "$0/$d"; done; exec chroot "$0" "$@"'
    with _daemon(["unshare", "--mount", "sh", "-ec", mounts, str(root), *words], socket, client):
        yield client


@contextmanager
def containerd_engine(state: Path) -> Iterator[Client]:
    """Run the machine's containerd below `state`; the client is `ctr`."""
    socket = state / "containerd.sock"
    configuration = state / "config.toml"
    state.mkdir(parents=True, exist_ok=True)
    configuration.write_text(
        f'version = 2\nroot = "{state}/root"\nstate = "{state}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
    )
    client = Client(("ctr", "--address", str(socket)))
    with _daemon(["containerd", "--config", str(configuration)], socket, client):
        yield client


def bootstrap(target: Path, suite: str, packages: tuple[str, ...]) -> None:
    """
    Install a minimal Debian with `packages` into `target`, a directory or a file named `*.tar`.

    The mirror is mmdebstrap's own choice unless the environment variable DEBIAN_MIRROR names one.
    """
    mirror = os.environ.get("DEBIAN_MIRROR")
    included = f"--include={','.join(packages)}"
    try:
        run("mmdebstrap", "--variant=apt", included, suite, target, *([mirror] if mirror else []))
    except BaseException:
        # A half-written root must not be taken for a finished one by the next run.
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        raise


def _docker_paths(state: Path) -> list[str]:
    return [
        f"--data-root={state}/data",
        f"--exec-root={state}/exec",
        f"--host=unix://{state}/docker.sock",
        f"--pidfile={state}/docker.pid",
    ]


def _docker_client(socket: Path) -> Client:
    # The classic builder: BuildKit would want a network or a frontend of its own.
    return Client((DOCKER,), (("DOCKER_HOST", f"unix://{socket}"), ("DOCKER_BUILDKIT", "0")))


@contextmanager
def _daemon(words: list[str], socket: Path, client: Client) -> Iterator[None]:
    """Start a daemon, wait until `client` gets an answer from it, and stop it at the end."""
    log_path = socket.with_name("daemon.log")
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    with log_path.open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(socket, process, log_path)
        client("version")
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the daemon's socket; a command sent to it then waits for its answer by itself."""
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the engine did not start; see {log}")
        time.sleep(0.1)
