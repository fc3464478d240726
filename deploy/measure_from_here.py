"""`measure` as the builder's command line runs it: on the simulated board, or on a real one across the network."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from deploy.environment import board_python
from deploy.plot import draw
from deploy.shell.boards import find_board
from deploy.shell.settings import clock_of
from deploy.simulate import simulated_board

PYNQ_PORT = 7967
BOARD_PROFILE = "for f in /etc/profile.d/pynq_venv.sh /etc/profile.d/xrt_setup.sh; do [ -e $f ] && . $f; done"
CONNECT_S = 5


def measure_simulated(folder: Path, board: str, clock_mhz: float | None, largest: int, output: Path, say) -> None:
    """Measure a build's package on the simulated board into output/measure.json and .png. RuntimeError where that fails.

    clock_mhz  by default what the package's settings for Vivado say"""
    place = Path(os.environ.get("QAPFLOW_CACHE") or Path.home() / ".cache" / "qapflow").expanduser() / "simulated_board"
    chosen, package = find_board(board), package_of(folder)
    clock_mhz = clock_mhz or clock_of((package / "shell" / f"{chosen.name}.tcl").read_text())
    with simulated_board(package, chosen, clock_mhz, place, say=say) as run:
        finish(run("measure.py", *options(largest, output), "--timeout", "600"), output)


def measure_remotely(folder: Path, host: str, largest: int, output: Path, say) -> None:
    """Measure on the board at `host`: by PYNQ's remote device where one answers, else by ssh."""
    package = package_of(folder)
    if not any((package / "bitfile").glob("*.bit")):
        raise FileNotFoundError(f"{package / 'bitfile'}: no bitstream; make one with `build {folder.name} --bitstream` where Vivado is")
    address = host.rpartition("@")[2]
    if answers(address, PYNQ_PORT):
        say(f"{address} answers as a PYNQ remote device")
        environment = {**os.environ, "PYNQ_REMOTE_DEVICES": address, "PYTHONPATH": ""}
        command = [str(board_python(say)), "measure.py", *options(largest, output), "--timeout", "60"]
        finish(subprocess.run(command, cwd=package / "driver", env=environment), output)
    else:
        measure_by_ssh(package, host, largest, output, say)


def measure_by_ssh(package: Path, host: str, largest: int, output: Path, say) -> None:
    """Copy the package to the board, run it there as root (pynq needs that), and fetch the result."""
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}", host]
    say(f"copying the package to {host} …")
    made = subprocess.run([*ssh, "mktemp -d /tmp/qapflow.XXXXXX"], capture_output=True, text=True)
    if made.returncode:
        reason = (made.stderr.strip() or "no answer").splitlines()[-1]
        raise RuntimeError(f"{host}: {reason}; --board needs ssh with a key (ssh-copy-id {host})")
    remote = made.stdout.strip()
    try:
        copied = subprocess.run(["scp", "-q", "-r", "-o", "BatchMode=yes", str(package / "driver"), str(package / "bitfile"), f"{host}:{remote}/"])
        if copied.returncode:
            raise RuntimeError(f"{host}: the package could not be copied to {remote}")
        script = f"{BOARD_PROFILE}; cd {remote}/driver && python3 measure.py --largest {largest} --json {remote}/measure.json"
        done = subprocess.run([*ssh, f'[ "$(id -u)" = 0 ] && exec bash -c {shlex.quote(script)}; exec sudo -n bash -c {shlex.quote(script)}'])
        if done.returncode:
            raise RuntimeError(f"{host}: the measurement failed; if sudo asked for a password, use root@{host.rpartition('@')[2]} or allow sudo without one")
        subprocess.run(["scp", "-q", "-o", "BatchMode=yes", f"{host}:{remote}/measure.json", str(output / "measure.json")], check=True)
    finally:
        subprocess.run([*ssh, f"sudo -n rm -rf {remote} 2>/dev/null || rm -rf {remote}"], capture_output=True)
    draw(json.loads((output / "measure.json").read_text()), output / "measure.png")


def package_of(folder: Path) -> Path:
    """The deploy folder of a build; FileNotFoundError where it was not packaged."""
    if not (folder / "deploy" / "driver" / "package.json").is_file():
        raise FileNotFoundError(f"{folder}/deploy: no package here; make one with `build {folder.name}`")
    return folder / "deploy"


def options(largest: int, output: Path) -> list[str]:
    return ["--largest", str(largest), "--json", str(output.resolve() / "measure.json"), "--plot", str(output.resolve() / "measure.png")]


def finish(done: subprocess.CompletedProcess, output: Path) -> None:
    """measure.py has said what it had to say; its failure is the command's."""
    if done.returncode:
        raise RuntimeError("the measurement failed (see above)")
    print(f"written: {output / 'measure.json'}, {output / 'measure.png'}", file=sys.stderr)


def answers(address: str, port: int) -> bool:
    """Whether a TCP port accepts a connection."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False
