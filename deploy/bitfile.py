"""Which bitstream belongs to a package and to this board; decided before anything is loaded.

`bitstream.json` lies beside the .bit and the .hwh: {"schema", "accelerator_sha256", "board", "part", "clock_mhz", "dma_bits",
"vivado", "files": {name: sha256}}.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

if __package__:
    from .network import Network, PackageError, check_files, read_json
else:
    from network import Network, PackageError, check_files, read_json

SCHEMA = 1
BUILD_HINT = "make one with `build NAME --bitstream` on a machine with Vivado, and copy the whole deploy folder"


@dataclass(frozen=True)
class Bitstream:
    """A checked bitstream. `path` is the .bit; its .hwh lies beside it."""

    path: Path
    board: str
    part: str
    clock_mhz: float


def find_bitstream(folder: Path, bitfile: Path | str | None, network: Network) -> Bitstream:
    """The bitstream for `network` and this board. FileNotFoundError where there is none, PackageError where it is another's."""
    if bitfile is not None:
        path = Path(bitfile)
    else:
        found = [p for place in (folder.parent / "bitfile", folder) for p in sorted(place.glob("*.bit"))]
        if not found:
            raise FileNotFoundError(f"no bitstream (.bit) in {folder.parent / 'bitfile'} or {folder}; {BUILD_HINT}")
        path = found[0]
    for needed in (path, path.with_suffix(".hwh"), path.with_name("bitstream.json")):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed} is missing; {BUILD_HINT}")
    about = read_json(path.with_name("bitstream.json"))
    if about.get("schema") != SCHEMA:
        raise PackageError(f"{path.parent}/bitstream.json has schema {about.get('schema')}, this driver reads {SCHEMA}")
    if about["accelerator_sha256"] != network.sha256:
        raise PackageError(
            f"{path} holds network {about['accelerator_sha256'][:16]}, the package is for {network.sha256[:16]}"
            f" ({network.name}); they were built at different times"
        )
    here = board_name()
    if canonical(here) != canonical(about["board"]):
        raise PackageError(f"{path} is for {about['board']}, this board is {here or 'unknown (set BOARD to its name)'}")
    for name in (path.name, path.with_suffix(".hwh").name):
        if name not in about["files"]:
            raise PackageError(f"{path.parent}/bitstream.json does not name {name}")
    check_files(path.parent, about["files"])
    return Bitstream(path.resolve(), about["board"], about["part"], float(about["clock_mhz"]))


def board_name() -> str:
    """PYNQ's name of the board: the remote device's own, else $BOARD, else BOARD in /etc/environment (sudo drops the variable).

    Empty where it is unknown."""
    if os.environ.get("PYNQ_REMOTE_DEVICES"):
        import pynq

        return pynq.Device.active_device.name
    if os.environ.get("BOARD"):
        return os.environ["BOARD"]
    try:
        lines = Path("/etc/environment").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip("'\" ") for line in lines if line.startswith("BOARD=")), "")


def canonical(board: str) -> str:
    """Pynq-Z1, PYNQ_Z1 and pynqz1 are one board."""
    return "".join(c for c in board.lower() if c.isalnum())
