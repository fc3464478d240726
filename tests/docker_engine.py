"""A Docker engine of one's own: dockerd in a folder, without bridge and firewall, and a base image out of debootstrap. Needs root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = "/usr/bin/docker"
"""Debian's: another one on PATH may want plugins that are not there."""
BASE = "debootstrapped:1"
TOOLS = ("dockerd", "docker-init", "debootstrap", "setpriv")


def missing() -> str:
    """Why no engine can be started here, or nothing."""
    if os.getuid() != 0:
        return "needs root: dockerd"
    absent = [tool for tool in TOOLS if not shutil.which(tool)] + [CLIENT] * (not Path(CLIENT).exists())
    return f"needs {', '.join(absent)} (Debian: apt-get install docker.io tini debootstrap)" if absent else ""


@contextmanager
def engine(folder: Path) -> Iterator[dict[str, str]]:
    """Environment variables by which `docker` reaches an engine whose images and containers are in `folder`; anybody may use its socket.

    RuntimeError with the engine's last line where it does not start."""
    socket, log = folder / "sock", folder / "dockerd.log"
    command = ["dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", f"--storage-driver={storage_driver(folder)}",
               "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid", "-H", f"unix://{socket}"]
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "docker").symlink_to(CLIENT)
    environment = {"DOCKER_HOST": f"unix://{socket}", "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "DOCKER_CONFIG": str(folder / "config")}
    try:
        wait_for(process, environment, log)
        socket.chmod(0o666)
        yield environment
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        shutil.rmtree(folder / "data", ignore_errors=True)


def wait_for(process: subprocess.Popen, environment: dict[str, str], log: Path) -> None:
    for _ in range(120):
        if process.poll() is not None:
            break
        if subprocess.run([CLIENT, "version"], env={**os.environ, **environment}, capture_output=True).returncode == 0:
            return
        time.sleep(0.5)
    raise RuntimeError(f"dockerd did not start: {(log.read_text().splitlines() or ['no message'])[-1]}")


def storage_driver(folder: Path) -> str:
    """overlay2 where this disk can lie below an overlay, else vfs, which copies the whole image for each container."""
    parts = {name: folder / "trial" / name for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir(parents=True)
    options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, parts["merged"]], capture_output=True).returncode == 0
    if mounted:
        subprocess.run(["umount", parts["merged"]], check=True)
    shutil.rmtree(folder / "trial")
    return "overlay2" if mounted else "vfs"


def import_base(folder: Path, environment: dict[str, str]) -> None:
    """The image BASE: Debian as debootstrap makes it, with what pip is told on this machine by its environment (a proxy's certificate,
    a folder of wheels)."""
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", folder], check=True, stdout=subprocess.DEVNULL)
    settings = ["[global]"]
    if certificate := os.environ.get("PIP_CERT"):
        shutil.copy(os.path.realpath(certificate), folder / "host-certificates.crt")
        settings.append("cert = /host-certificates.crt")
    if wheels := os.environ.get("PIP_FIND_LINKS"):
        shutil.copytree(wheels, folder / wheels.lstrip("/"), dirs_exist_ok=True)
        settings.append(f"find-links = {wheels}")
    (folder / "etc" / "pip.conf").write_text("\n".join([*settings, ""]))
    with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run([CLIENT, "import", "-", BASE], stdin=packed.stdout, env={**os.environ, **environment}, check=True, capture_output=True)
    shutil.rmtree(folder)
