"""The one structure that flows through qapflow: an integer network and how each layer is built.

Everything after the FINN graph (estimator, RTL generator, emulator, simulator, prover, report, driver) reads an
`Accelerator` and writes none back. The file format is specified in docs/accelerator.md.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from finn_steps.accelerator.datatypes import smallest_datatype
from finn_steps.accelerator.fixed_point import FixedInput, FixedPoint, fixed_as_json, fixed_from_json
from finn_steps.accelerator.folding import Folding
from finn_steps.accelerator.host import HostOp, run_host_ops
from finn_steps.accelerator.layer import SparseLayer
from finn_steps.accelerator.stream import StreamFormat
from finn_steps.tools.files import read_arrays, read_json_object, write_atomically

FORMAT = 2
"""Of what save() writes where inputs have ranges of their own; without, it writes format 1, which load() reads too."""
INTERFACES = ("stream", "valid")


@dataclass(frozen=True, eq=False)
class Accelerator:
    """A chain of sparse layers with what the host does at both ends.

    features      number of values in one input sample of the model
    input_index   int64 [layers[0].MW]: which of the quantised features the hardware takes (the others reach no neuron)
    host_input    float32 operations that turn model inputs [N, features] into integers of layers[0].idt
    host_output   float32 operations that turn the last layer's integers [N, MH] into model outputs
    labels        None: the hardware answers with the last layer's integers. Otherwise int64 [rows of the last layer]: it answers with
                  one integer, labels[i] for the first greatest row i (finn_steps/accelerator/label.py makes such an accelerator).
    interface     `stream`: AXI-Streams that may wait. `valid`: nothing waits, and each answer comes a fixed number of cycles after its
                  frame; not for `folded` layers.
    input_fixed   None, or the fixed-point words that come in: the first layer then makes integers of them (fixed_input.py)
    output_fixed  None, or the fixed-point words that the integers of the answer are (fixed_output.py)
    """

    name: str
    layers: tuple[SparseLayer, ...]
    features: int
    input_index: np.ndarray
    host_input: tuple[HostOp, ...] = ()
    host_output: tuple[HostOp, ...] = ()
    labels: np.ndarray | None = None
    interface: str = "stream"
    input_fixed: FixedInput | None = None
    output_fixed: FixedPoint | None = None

    def __post_init__(self):
        for attribute in ("input_index", "labels"):
            if getattr(self, attribute) is not None:
                array = np.ascontiguousarray(getattr(self, attribute), dtype=np.int64)
                array.flags.writeable = False
                object.__setattr__(self, attribute, array)
        index = self.input_index
        if not self.layers:
            raise ValueError(f"{self.name}: an accelerator needs at least one layer")
        if index.shape != (self.layers[0].MW,):
            raise ValueError(f"{self.name}: input_index has {index.size} entries, {self.layers[0].name} takes {self.layers[0].MW}")
        for before, after in zip(self.layers, self.layers[1:]):
            if before.MH != after.MW or before.odt != after.idt:
                raise ValueError(
                    f"{before.name} gives {before.MH} x {before.odt}, {after.name} takes {after.MW} x {after.idt}"
                )

        layers = [self.layers[0]]
        for layer in self.layers[1:]:
            layers.append(layer.taking(layers[-1].answer_range))
        object.__setattr__(self, "layers", tuple(layers))
        if self.interface not in INTERFACES:
            raise ValueError(f"{self.name}: interface '{self.interface}' is none of {', '.join(INTERFACES)}")
        folded = [layer.name for layer in self.layers if layer.folding.style == "folded"]
        if self.interface == "valid" and folded:
            raise ValueError(f"{folded[0]}: style 'folded' answers through memories, at no fixed time; interface 'valid' takes unrolled, "
                             "bitplane and serial layers, 'stream' takes all")
        if self.labels is not None and sorted(self.labels.tolist()) != list(range(self.layers[-1].MH)):
            raise ValueError(f"{self.name}: labels must be 0 to {self.layers[-1].MH - 1} in some order, one for each row of the last layer")

    @property
    def idt(self) -> str:
        return self.layers[0].idt

    @property
    def odt(self) -> str:
        """Of one integer of the answer."""
        return self.layers[-1].odt if self.labels is None else smallest_datatype(0, len(self.labels) - 1)

    @property
    def MW(self) -> int:
        return self.layers[0].MW

    @property
    def MH(self) -> int:
        """Integers in an answer."""
        return self.layers[-1].MH if self.labels is None else 1

    def quantise(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> int64 [N, MW]: the host's work before the accelerator."""
        return run_host_ops(self.host_input, x)[:, self.input_index].astype(np.int64)

    def execute(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, MW] -> int64 [N, MH], exact: what the hardware must answer."""
        for layer in self.layers:
            x = layer.execute(x)
        return x if self.labels is None else self.labels[x.argmax(1)][:, None]

    def dequantise(self, y: np.ndarray) -> np.ndarray:
        """int64 [N, MH] -> float32 model outputs: the host's work after the accelerator."""
        return run_host_ops(self.host_output, np.asarray(y).astype(np.float32))

    @property
    def raw_datatype(self) -> str:
        """The narrowest of FINN's datatypes for a last layer without thresholds: that of its accumulators. Only where inputs have ranges do
        these count; else what its own idt allows, which is FINN's rule."""
        last = self.layers[-1]
        return last.accdt if self.layers[0].input_range is not None else replace(last, input_range=None).accdt

    def with_foldings(self, foldings: dict[str, Folding]) -> Accelerator:
        """The same network, built otherwise. Unknown layer names raise ValueError."""
        known = {layer.name for layer in self.layers}
        for name in foldings:
            if name not in known:
                raise ValueError(f"folding names layer '{name}', the network has {', '.join(sorted(known))}")
        return replace(self, layers=tuple(layer.folded(foldings.get(layer.name, layer.folding)) for layer in self.layers))

    @property
    def sha256(self) -> str:
        """Hash of all that decides the hardware and the host's work; the identity of a package and its bitstream."""
        return hashlib.sha256(self._serialise()[2]).hexdigest()

    def save(self, folder: Path | str, streams: tuple[StreamFormat, StreamFormat]) -> None:
        """Write accelerator.json and accelerator.npz into `folder`, each atomically. How frames travel to and from it, for who packs them,
        is of its schedule: `streams` of finn_steps/folding/streams.py."""
        description, arrays, _ = self._serialise()
        folder = Path(folder)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(folder / "accelerator.npz", buffer.getvalue())
        ends = {"input_stream": asdict(streams[0]), "output_stream": asdict(streams[1])}
        description = {**description, **ends, "sha256": self.sha256}
        write_atomically(folder / "accelerator.json", (json.dumps(description, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path | str) -> Accelerator:
        """Read what save() wrote. ValueError where the pair does not belong together or has another format."""
        folder = Path(folder)
        description, arrays = read_json_object(folder / "accelerator.json"), read_arrays(folder / "accelerator.npz")
        if description.get("format") not in range(1, FORMAT + 1):
            raise ValueError(f"{folder / 'accelerator.json'}: format {description.get('format')}, this version reads 1 to {FORMAT}")
        try:
            accelerator = cls._read(description, arrays)
            same = accelerator.sha256 == description["sha256"]
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError) as error:
            reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{folder}: accelerator.json and accelerator.npz hold no accelerator ({reason})") from error
        if not same:
            raise ValueError(f"{folder}: accelerator.json and accelerator.npz do not belong together (sha256 differs)")
        return accelerator

    @classmethod
    def _read(cls, description: dict, arrays: dict[str, np.ndarray]) -> Accelerator:
        return cls(
            name=description["name"],
            layers=tuple(
                SparseLayer(
                    name=entry["name"],
                    weights=arrays[f"{entry['name']}.weights"],
                    bias=arrays[f"{entry['name']}.bias"],
                    thresholds=arrays.get(f"{entry['name']}.thresholds"),
                    idt=entry["idt"],
                    odt=entry["odt"],
                    folding=Folding(**entry["folding"]),
                    input_range=None if number else arrays.get("input_range"),
                )
                for number, entry in enumerate(description["layers"])
            ),
            features=description["features"],
            input_index=arrays["input_index"],
            host_input=tuple(HostOp.from_json(op, arrays) for op in description["host_input"]),
            host_output=tuple(HostOp.from_json(op, arrays) for op in description["host_output"]),
            labels=arrays.get("labels"),
            interface=description.get("interface", "stream"),
            **fixed_from_json(description),
        )

    def _serialise(self) -> tuple[dict, dict[str, np.ndarray], bytes]:
        own = {"labels": self.labels, "input_range": self.layers[0].input_range}
        arrays = {"input_index": self.input_index} | {name: array for name, array in own.items() if array is not None}
        layers = []
        for layer in self.layers:
            for attribute in ("weights", "bias", "thresholds"):
                if getattr(layer, attribute) is not None:
                    arrays[f"{layer.name}.{attribute}"] = getattr(layer, attribute)
            layers.append({"name": layer.name, "MH": layer.MH, "MW": layer.MW, "idt": layer.idt, "odt": layer.odt,
                           "folding": layer.folding.as_json})
        description = {
            "format": 1 if self.layers[0].input_range is None else FORMAT,
            "name": self.name,
            "features": self.features,
            "host_input": [op.to_json(f"host_input.{i}", arrays) for i, op in enumerate(self.host_input)],
            "layers": layers,
            "host_output": [op.to_json(f"host_output.{i}", arrays) for i, op in enumerate(self.host_output)],
        } | ({} if self.interface == "stream" else {"interface": self.interface}) | fixed_as_json(self.input_fixed, self.output_fixed)
        content = json.dumps(description, sort_keys=True).encode()
        for key in sorted(arrays):
            content += key.encode() + str(arrays[key].shape).encode() + arrays[key].dtype.str.encode() + arrays[key].tobytes()
        return description, arrays, content
