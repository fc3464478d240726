"""What the RTL generator made: the folder, its files and the two streams of the top module."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from finn_steps.accelerator.stream import StreamFormat
from finn_steps.tools.files import write_atomically

TOP = "finn_accel"


@dataclass(frozen=True)
class Design:
    """An RTL folder. filelist.f names its SystemVerilog files in order of use; memory files (*.mem) lie beside them.
    `ii` is how many cycles pass from frame to frame when nothing waits; `interface` is the Accelerator's."""

    folder: Path
    files: tuple[str, ...]
    memories: tuple[str, ...]
    input_stream: StreamFormat
    output_stream: StreamFormat
    ii: int
    top: str = TOP
    interface: str = "stream"

    def save(self) -> None:
        """Write filelist.f and design.json into the folder."""
        write_atomically(self.folder / "filelist.f", "".join(f"{name}\n" for name in self.files).encode())
        description = {
            "top": self.top,
            "files": self.files,
            "memories": self.memories,
            "input_stream": asdict(self.input_stream),
            "output_stream": asdict(self.output_stream),
            "ii": self.ii,
            "interface": self.interface,
        }
        write_atomically(self.folder / "design.json", (json.dumps(description, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path | str) -> Design:
        """Read design.json. OSError where there is none."""
        folder = Path(folder)
        description = json.loads((folder / "design.json").read_text())
        return cls(
            folder=folder,
            files=tuple(description["files"]),
            memories=tuple(description["memories"]),
            input_stream=StreamFormat(**description["input_stream"]),
            output_stream=StreamFormat(**description["output_stream"]),
            ii=description["ii"],
            top=description["top"],
            interface=description.get("interface", "stream"),
        )

    def contents(self) -> dict[str, bytes]:
        """Name and content of every source and memory file."""
        return {name: (self.folder / name).read_bytes() for name in (*self.files, *self.memories)}
