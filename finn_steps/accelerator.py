"""The one structure that flows through qapflow: an integer network and how each layer is built.

Everything after the FINN graph (estimator, RTL generator, emulator, simulator, prover, report, driver) reads an
`Accelerator` and writes none back. The file format is specified in docs/accelerator.md.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.files import read_arrays, read_json_object
from finn_steps.host import HostOp, run_host_ops
from finn_steps.stream import StreamFormat

FORMAT = 2
"""Of what save() writes where inputs have ranges of their own; without, it writes format 1, which load() reads too."""
STYLES = ("unrolled", "bitplane", "serial", "folded")
PRODUCTS = ("lut", "dsp")
INTERFACES = ("stream", "valid")


@dataclass(frozen=True)
class Folding:
    """How a layer is built. `PE` and `SIMD` hold for `folded` only: `PE` processing elements, each with `SIMD` lanes
    that step through the nonzeros of its rows; at most MH and MW, which they need not divide. `products` says what
    multiplies there: `lut` or `dsp`. `digits` is the number of activation bits that `bitplane` takes in a cycle; `serial` takes one.
    With `max_cycles`, `folded` and `serial` may take so many cycles if that saves area; 0 is the fewest. `registers_every` is the
    number of adders between two pipeline registers. `blocks` is how many 18 Kbit block RAMs a folded layer's constant memories may take
    at the most, the rest being logic; -1: as many as cost less than their logic."""

    style: str = "unrolled"
    PE: int = 1
    SIMD: int = 1
    digits: int = 1
    registers_every: int = 1
    max_cycles: int = 0
    products: str = "lut"
    blocks: int = -1

    def check(self, name: str, MH: int, MW: int) -> None:
        """Raise ValueError, naming the layer and the values, for a folding that this layer cannot take."""
        if self.style not in STYLES:
            raise ValueError(f"{name}: style '{self.style}' is none of {', '.join(STYLES)}")
        for field_name in ("PE", "SIMD", "digits", "registers_every"):
            value = getattr(self, field_name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}: {field_name} ({value}) must be a whole number of at least 1")
        if type(self.max_cycles) is not int or self.max_cycles < 0:
            raise ValueError(f"{name}: max_cycles ({self.max_cycles}) must be a whole number, 0 for the fewest cycles")
        if type(self.blocks) is not int or self.blocks < -1:
            raise ValueError(f"{name}: blocks ({self.blocks}) must be a whole number, -1 for as many as pay")
        if self.products not in PRODUCTS:
            raise ValueError(f"{name}: products '{self.products}' is none of {', '.join(PRODUCTS)}")
        if self.products == "dsp" and self.style != "folded":
            raise ValueError(f"{name}: products 'dsp' needs style 'folded', not '{self.style}'")
        if self.blocks >= 0 and self.style != "folded":
            raise ValueError(f"{name}: blocks ({self.blocks}) needs style 'folded', not '{self.style}'")
        if self.style == "folded" and self.PE > MH:
            raise ValueError(f"{name}: PE ({self.PE}) must be at most MH ({MH})")
        if self.style == "folded" and self.SIMD > MW:
            raise ValueError(f"{name}: SIMD ({self.SIMD}) must be at most MW ({MW})")

    @property
    def as_json(self) -> dict:
        """All fields; `blocks`, which is younger than the format, only where it says something."""
        return {name: value for name, value in vars(self).items() if name != "blocks" or value >= 0}


@dataclass(frozen=True, eq=False)
class SparseLayer:
    """One matrix-vector-activation unit: `acc = weights @ x + bias`, then the number of thresholds reached.

    weights     int64 [MH, MW]
    bias        int64 [MH], added to the accumulator (all zero where thresholds absorb it)
    thresholds  int64 [MH, steps], ascending along a row, or None: the output is then the accumulator itself.
                output = odt.min() + k * step for k thresholds with acc >= threshold, where step is 2 for BIPOLAR, else 1.
    idt, odt    FINN datatype names of one input and one output element; inputs are never BIPOLAR (the importer rewrites
                them as BINARY).
    input_range int64 [2, MW], the least and the greatest value that each input takes; None: all that idt allows. Of hidden layers the
                Accelerator derives it.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    thresholds: np.ndarray | None
    idt: str
    odt: str
    folding: Folding = field(default_factory=Folding)
    input_range: np.ndarray | None = None

    def __post_init__(self):
        for attribute in ("weights", "bias", "thresholds", "input_range"):
            value = getattr(self, attribute)
            if value is None:
                continue
            array = np.ascontiguousarray(value, dtype=np.int64)
            if array is not value and not np.array_equal(array, value):
                raise ValueError(f"{self.name}: {attribute} must be integers")
            array.flags.writeable = False
            object.__setattr__(self, attribute, array)
        if self.weights.ndim != 2 or self.bias.shape != (self.MH,):
            raise ValueError(f"{self.name}: weights {self.weights.shape} and bias {self.bias.shape} are not [MH, MW] and [MH]")
        if max(DataType[name].bitwidth() for name in (self.idt, self.odt)) > 64 or 0 in self.weights.shape:
            raise ValueError(f"{self.name}: {self.MH} x {self.MW} weights, {self.idt} to {self.odt}; supported: at least one, up to 64 bits")
        if self.thresholds is not None:
            if self.thresholds.shape != (self.MH, self.steps):
                raise ValueError(f"{self.name}: thresholds {self.thresholds.shape} are not [MH, steps] = {(self.MH, self.steps)}")
            if np.any(np.diff(self.thresholds, axis=1) < 0):
                raise ValueError(f"{self.name}: thresholds must ascend along a row")
        if self.idt == "BIPOLAR" or not DataType[self.idt].is_integer():
            raise ValueError(f"{self.name}: input datatype {self.idt} must be an integer type, bipolar written as BINARY")
        self._check_range()
        self.folding.check(self.name, self.MH, self.MW)

    def _check_range(self) -> None:
        """A range that is all that idt allows is None."""
        given, least, greatest = self.input_range, int(DataType[self.idt].min()), int(DataType[self.idt].max())
        if given is None:
            return
        if given.shape != (2, self.MW):
            raise ValueError(f"{self.name}: input_range {given.shape} is not [2, MW] = {(2, self.MW)}")
        wrong = np.flatnonzero((given[0] < least) | (given[1] > greatest) | (given[0] > given[1]))
        if len(wrong):
            low, high = given[:, wrong[0]].tolist()
            raise ValueError(f"{self.name}: input {wrong[0]} ranges over {low}..{high}, which is no range of {self.idt} ({least}..{greatest})")
        if np.all(given[0] == least) and np.all(given[1] == greatest):
            object.__setattr__(self, "input_range", None)

    @cached_property
    def input_low(self) -> np.ndarray:
        """int64 [MW]: the least value of each input."""
        return np.full(self.MW, int(DataType[self.idt].min())) if self.input_range is None else self.input_range[0]

    @cached_property
    def input_high(self) -> np.ndarray:
        """int64 [MW]: the greatest value of each input."""
        return np.full(self.MW, int(DataType[self.idt].max())) if self.input_range is None else self.input_range[1]

    @cached_property
    def input_bits(self) -> tuple[int, ...]:
        """The bits that each input has; see own_bits."""
        return tuple(own_bits(low, high) for low, high in zip(self.input_low.tolist(), self.input_high.tolist()))

    @property
    def input_width(self) -> int:
        """The bits of the widest input, at least 1."""
        return max(1, *self.input_bits)

    def folded(self, folding: Folding) -> SparseLayer:
        """The same layer, built as `folding` says; what is known of its arrays is not worked out again."""
        folding.check(self.name, self.MH, self.MW)
        other = copy.copy(self)
        object.__setattr__(other, "folding", folding)
        return other

    @property
    def MH(self) -> int:
        return self.weights.shape[0]

    @property
    def MW(self) -> int:
        return self.weights.shape[1]

    @property
    def steps(self) -> int:
        """Thresholds of a neuron: the number of output levels minus one; 0 without thresholds."""
        return 0 if self.thresholds is None else DataType[self.odt].get_num_possible_values() - 1

    @cached_property
    def nonzeros(self) -> int:
        return int(np.count_nonzero(self.weights))

    @cached_property
    def greatest_weight(self) -> int:
        """Of all magnitudes."""
        return int(max(self.weights.max(), -self.weights.min()))

    @property
    def cycles(self) -> int:
        """Cycles from frame to frame of a `folded` layer, as its schedule has them."""
        from finn_steps.folding.schedule import schedule

        return schedule(self).cycles

    @property
    def wdt(self) -> str:
        """The smallest FINN integer datatype that holds every weight."""
        return smallest_datatype(int(self.weights.min()), int(self.weights.max()))

    @cached_property
    def accumulator_min(self) -> np.ndarray:
        """int64 [MH]: the least value of each row's accumulator over all inputs in their ranges, bias included."""
        return self._extreme(self.input_low, self.input_high)

    @cached_property
    def accumulator_max(self) -> np.ndarray:
        """int64 [MH]: the greatest value of each row's accumulator over all inputs in their ranges, bias included."""
        return self._extreme(self.input_high, self.input_low)

    def _extreme(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Where inputs with positive weights are `positive`, and those with negative ones `negative`."""
        extreme = np.maximum(self.weights, 0) @ positive + np.minimum(self.weights, 0) @ negative + self.bias
        extreme.flags.writeable = False
        return extreme

    @cached_property
    def answer_range(self) -> np.ndarray:
        """int64 [2, MH]: the least and the greatest output of each row, by interval arithmetic."""
        return np.stack([self.answers(self.accumulator_min), self.answers(self.accumulator_max)])

    def answers(self, accumulators: np.ndarray) -> np.ndarray:
        """int64 [MH] accumulators, one of each row -> int64 [MH] outputs."""
        if self.thresholds is None:
            return accumulators
        reached = (self.thresholds <= accumulators[:, None]).sum(1)
        return int(DataType[self.odt].min()) + reached * (2 if self.odt == "BIPOLAR" else 1)

    def taking(self, ranges: np.ndarray) -> SparseLayer:
        """The layer with inputs in these ranges, int64 [2, MW], as far as idt allows them."""
        made = replace(self, input_range=np.clip(ranges, int(DataType[self.idt].min()), int(DataType[self.idt].max())))
        same = self.input_range is made.input_range or np.array_equal(self.input_range, made.input_range)
        return self if same else made

    @property
    def accdt(self) -> str:
        """The smallest FINN integer datatype that holds every reachable accumulator."""
        return smallest_datatype(int(self.accumulator_min.min()), int(self.accumulator_max.max()))

    def accumulate(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, MW] -> int64 [N, MH], the accumulators before any threshold; in float64, which is faster, where that is exact."""
        x = np.asarray(x, dtype=np.int64)
        largest = int(np.abs(self.weights).sum(1).max()) * int(np.abs(x).max(initial=0))
        if largest < 2**53:
            return (x.astype(np.float64) @ self.weights.T.astype(np.float64)).astype(np.int64) + self.bias
        return x @ self.weights.T + self.bias

    def execute(self, x: np.ndarray) -> np.ndarray:
        """int64 [N, MW] in their ranges -> int64 [N, MH] in odt, exact."""
        acc = self.accumulate(x)
        if self.thresholds is None:
            return acc
        reached = np.empty_like(acc)
        for row in range(self.MH):
            reached[:, row] = np.searchsorted(self.thresholds[row], acc[:, row], side="right")
        odt = DataType[self.odt]
        return int(odt.min()) + reached * (2 if self.odt == "BIPOLAR" else 1)


@dataclass(frozen=True, eq=False)
class Accelerator:
    """A chain of sparse layers with what the host does at both ends.

    features      number of values in one input sample of the model
    input_index   int64 [layers[0].MW]: which of the quantised features the hardware takes (the others reach no neuron)
    host_input    float32 operations that turn model inputs [N, features] into integers of layers[0].idt
    host_output   float32 operations that turn the last layer's integers [N, MH] into model outputs
    labels        None: the hardware answers with the last layer's integers. Otherwise int64 [rows of the last layer]: it answers with
                  one integer, labels[i] for the first greatest row i (finn_steps/label.py makes such an accelerator).
    interface     `stream`: AXI-Streams that may wait. `valid`: nothing waits, and each answer comes a fixed number of cycles after its
                  frame; not for `folded` layers.
    """

    name: str
    layers: tuple[SparseLayer, ...]
    features: int
    input_index: np.ndarray
    host_input: tuple[HostOp, ...] = ()
    host_output: tuple[HostOp, ...] = ()
    labels: np.ndarray | None = None
    interface: str = "stream"

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

    @property
    def input_stream(self) -> StreamFormat:
        """How input frames travel: in one beat, or in as many as a folded first layer has cycles for."""
        return StreamFormat.of(self.idt, self.MW, self._lanes(self.MW, self.layers[0]))

    @property
    def output_stream(self) -> StreamFormat:
        """How output frames travel: in one beat, or in as many as a folded last layer has cycles for."""
        return StreamFormat.of(self.odt, self.MH, self._lanes(self.MH, self.layers[-1]))

    def _lanes(self, elements: int, layer: SparseLayer) -> int:
        if layer.folding.style != "folded" or elements == 1:
            return elements
        cycles = max(layer.cycles for layer in self.layers if layer.folding.style == "folded")
        return min(lanes for lanes in range(1, elements + 1) if elements % lanes == 0 and elements // lanes <= cycles)

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

    @classmethod
    def from_model(cls, model) -> Accelerator:
        """Read a FINN graph (qonnx ModelWrapper) of SparseMVAU nodes. ValueError, naming the node, for any other operator."""
        from finn_steps.from_model import accelerator_from_model

        return accelerator_from_model(model)

    @property
    def sha256(self) -> str:
        """Hash of all that decides the hardware and the host's work; the identity of a package and its bitstream."""
        return hashlib.sha256(self._serialise()[2]).hexdigest()

    def save(self, folder: Path | str) -> None:
        """Write accelerator.json and accelerator.npz into `folder`, each atomically."""
        description, arrays, _ = self._serialise()
        folder = Path(folder)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(folder / "accelerator.npz", buffer.getvalue())
        streams = {"input_stream": asdict(self.input_stream), "output_stream": asdict(self.output_stream)}
        description = {**description, **streams, "sha256": self.sha256}
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
        } | ({} if self.interface == "stream" else {"interface": self.interface})
        content = json.dumps(description, sort_keys=True).encode()
        for key in sorted(arrays):
            content += key.encode() + str(arrays[key].shape).encode() + arrays[key].dtype.str.encode() + arrays[key].tobytes()
        return description, arrays, content


def own_bits(low: int, high: int) -> int:
    """Bits that hold low..high: two's complement where low is negative, else unsigned. A value that never changes has none."""
    if low == high:
        return 0
    return high.bit_length() if low >= 0 else max((-low - 1).bit_length(), high.bit_length()) + 1


def smallest_datatype(low: int, high: int) -> str:
    """The narrowest of FINN's BINARY, UINTn and INTn that holds low..high."""
    if low >= 0:
        bits = max(1, high.bit_length())
        return "BINARY" if bits == 1 else f"UINT{bits}"
    return f"INT{max((-low - 1).bit_length(), high.bit_length()) + 1}"


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it as it was."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
