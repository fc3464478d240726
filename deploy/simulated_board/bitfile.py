"""A bitstream for the simulated board: the files that a real one has, around an identity instead of configuration data."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from deploy.network import Network
from deploy.shell.boards import Board
from deploy.shell.hwh import write_hwh

NAME = "finn_accel"


def write_bitfile(folder: Path, network: Network, board: Board, clock_mhz: float) -> Path:
    """Write finn_accel.bit, its .hwh and bitstream.json into `folder`; return the .bit."""
    folder.mkdir(parents=True, exist_ok=True)
    handoff = write_hwh(board, clock_mhz).encode()
    identity = hashlib.sha256(network.sha256.encode() + handoff).digest()
    contents = {f"{NAME}.bit": bit_header(f"{NAME};simulated", board.part, identity), f"{NAME}.hwh": handoff}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    about = {
        "schema": 1,
        "accelerator_sha256": network.sha256,
        "board": board.name,
        "part": board.part,
        "clock_mhz": clock_mhz,
        "dma_bits": board.dma_bits,
        "vivado": "none: simulated board",
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    (folder / "bitstream.json").write_text(json.dumps(about, indent=2) + "\n")
    return folder / f"{NAME}.bit"


def bit_header(design: str, part: str, data: bytes) -> bytes:
    """A .bit file: the header's fields a (design), b (part), c (date), d (time), then e and the configuration data."""
    header = struct.pack(">h9sh", 9, bytes.fromhex("0ff00ff00ff00ff000"), 1)
    for key, text in zip("abcd", (design, part.split("-")[0], "2000/01/01", "00:00:00")):
        field = text.encode() + b"\0"
        header += key.encode() + struct.pack(">h", len(field)) + field
    return header + b"e" + struct.pack(">i", len(data)) + data
