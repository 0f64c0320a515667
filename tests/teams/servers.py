"""Servers that a team may have: real ones, as ordinary processes of this machine, for as long as a test needs them."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

HERE = "127.0.0.1"
SSHD = shutil.which("sshd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
BUCKET = "team"


@contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """Run OpenSSH's server; give its port and a home directory whose key it knows."""
    if SSHD is None:
        pytest.skip("there is no sshd on this machine (apt-get install openssh-server): SSH remotes are not tried")
    if os.geteuid() == 0:
        # Where sshd lets go of root's rights; the system's own service makes it when it starts.
        Path("/run/sshd").mkdir(exist_ok=True)
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (folder / "host_key", home / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    port = _free_port()
    settings = {
        "Port": port,
        "ListenAddress": HERE,
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": home / ".ssh" / "id_ed25519.pub",
        "PasswordAuthentication": "no",
        "PidFile": "none",
        "StrictModes": "no",
        "Subsystem": "sftp internal-sftp",
        "UsePAM": "no",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (folder / "sshd.log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
        try:
            _wait_for(port, server)
            yield port, home
        finally:
            server.terminate()
            server.wait()


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server with one empty bucket; give its address."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address=HERE, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        address = f"http://{HERE}:{port}"
        with urlopen(Request(f"{address}/{BUCKET}", method="PUT")):
            yield address
    finally:
        server.stop()


def s3_keys(address: str) -> int:
    """Return how many objects the bucket has."""
    with urlopen(f"{address}/{BUCKET}?list-type=2") as answer:
        return int(answer.read().decode().count("<Contents>"))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "sshd ended at once: see sshd.log beside its configuration"
        try:
            socket.create_connection((HERE, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd does not answer")
