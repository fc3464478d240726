"""Run one of a package's programs on a board across the network, by ssh and scp."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

CONNECT_S = 5
OPTIONS = ("-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}")
PROFILE = "for f in /etc/profile.d/pynq_venv.sh /etc/profile.d/xrt_setup.sh; do [ -e $f ] && . $f; done"


def run_on_board(
    host: str, package: Path, program: list[str], send: list[Path], fetch: list[str], output: Path, say=lambda text: None
) -> None:
    """Copy `package` (a deploy folder with a bitstream) and the files `send` to a new folder on the board; run `program` in its
    driver/ folder, as root (pynq needs that); bring the files `fetch` back into `output`, and remove the folder.

    The program names files sent and fetched as ../NAME. RuntimeError, with the way out, where a step fails."""
    if host.startswith("-"):
        raise ValueError(f"'{host}' is no host: it would be an option of ssh")
    say(f"copying the package to {host} …")
    made = subprocess.run(["ssh", *OPTIONS, host, "mktemp -d /tmp/qapflow.XXXXXX"], capture_output=True, text=True)
    if made.returncode:
        reason = (made.stderr.strip() or "no answer").splitlines()[-1]
        raise RuntimeError(f"{host}: {reason}; ssh must work with a key (ssh-copy-id {host})")
    remote = made.stdout.strip()
    if not re.fullmatch(r"/tmp/qapflow\.\w+", remote):
        raise RuntimeError(f"{host}: its mktemp answered {remote[:80]!r}; a login shell of the board that prints something must not")
    try:
        _copy([*(str(path) for path in (package / "driver", package / "bitfile", *send)), f"{host}:{remote}/"])
        script = shlex.quote(f"{PROFILE}; cd {remote}/driver && python3 {shlex.join(program)}")
        done = subprocess.run(
            ["ssh", *OPTIONS, host, f'[ "$(id -u)" = 0 ] && exec bash -c {script}; exec sudo -n bash -c {script}']
        )
        if done.returncode:
            raise RuntimeError(
                f"{host}: {program[0]} failed; if sudo wants a password, allow it without, or use root@{host.rpartition('@')[2]}"
            )
        for name in fetch:
            _copy([f"{host}:{remote}/{name}", str(output / name)])
    finally:
        remove = f"sudo -n rm -rf {remote} 2>/dev/null || rm -rf {remote}"
        subprocess.run(["ssh", *OPTIONS, host, remove], capture_output=True)


def _copy(arguments: list[str]) -> None:
    done = subprocess.run(["scp", "-q", "-r", *OPTIONS, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"scp: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
