"""The input end: what the host does to a model's inputs, and which integers reach the first layer."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto
from qonnx.core.datatype import DataType

from finn_steps.accelerator.host import HostOp
from finn_steps.importer.chain import Chain, Stage
from finn_steps.importer.evaluate import NARROW, Piece
from finn_steps.importer.grid import MOST_INPUT_STEPS, Grid, NoGrid, read_grid
from finn_steps.importer.host_ends import INDEXING, NotOnTheHost, host_operations, index_map, quantising_operations
from finn_steps.importer.host_input import GREATEST, GREATEST_HALF, counting_operations
from finn_steps.importer.levels import MOST_BITS, Levels, read_levels
from finn_steps.importer.normal_form import RESHAPING, Network
from finn_steps.importer.sizes import check_values

INTEGER_ELEMENTS = {TensorProto.INT8: "INT8", TensorProto.UINT8: "UINT8", TensorProto.INT16: "INT16", TensorProto.UINT16: "UINT16",
                    TensorProto.INT4: "INT4", TensorProto.UINT4: "UINT4", TensorProto.INT2: "INT2", TensorProto.UINT2: "UINT2", TensorProto.BOOL: "BINARY"}

FAR = 2.0**24
"""Times the greatest level of a quantiser."""


def read_input(chain: Chain, network: Network) -> tuple[tuple[HostOp, ...], Grid]:
    """The host's operations, and the grid of what the first layer takes. ValueError, naming the first layer, for float inputs."""
    head = chain.head
    if head.quantiser is None:
        return _annotated(chain, network)
    levels = read_levels(head.quantiser, network)
    width = network.tensors[head.quantiser.output].width
    grid = _grid(head, np.broadcast_to(levels.values, (len(levels.values), width)), levels, network)
    try:
        if levels.bipolar or not grid.straight:
            raise NotOnTheHost(f"node {head.quantiser.name} gives levels that are no straight line")
        before = host_operations(head.before, network)
        behind = _indexing(head.after, network)
        return (*before, *quantising_operations(head.quantiser, network), *behind), grid
    except NotOnTheHost:
        return _counted(head, grid, network), grid


def _grid(head: Stage, values: np.ndarray, levels: Levels, network: Network) -> Grid:
    """Of the levels behind the quantiser (or, without one, of the input's own values) where they reach the first layer."""
    links = head.after if head.quantiser is not None else head.before
    start = head.quantiser.output if head.quantiser is not None else network.input
    integers, reached = np.broadcast_to(levels.integers, values.shape), values
    if links:
        index = _index(links, network)
        nodes = [node for link in links for node in link.nodes]
        tensor = network.tensors[start]
        reached = Piece(nodes, network.constants, start, tensor.shape, tensor.element, links[-1].output, network.opset)(values)
        integers, values = integers[:, index], values[:, index]
    try:
        return read_grid(Levels(integers, values, levels.bipolar), reached, MOST_INPUT_STEPS)
    except NoGrid as error:
        last = links[-1] if links else head.quantiser
        raise ValueError(f"node {last.name} ({last.kind}): the levels of input {network.input} {error} behind it; supported: levels on a grid "
                         f"of at most {MOST_INPUT_STEPS:,} steps, by monotone operators") from None


def _index(links, network: Network) -> np.ndarray:
    """int64 [width at the end]: which element at the start each element at the end comes from."""
    index = np.arange(network.tensors[links[0].input].width)
    for link in links:
        if link.kind in INDEXING:
            index = index[index_map(link, network)]
    return index


def _indexing(links, network: Network) -> tuple[HostOp, ...]:
    return host_operations([link for link in links if link.kind in (*INDEXING, *RESHAPING)], network)


def datatype_of(name: str, network: Network):
    """FINN's datatype that annotates the input. ValueError where there is none of that name."""
    try:
        return DataType[name]
    except (KeyError, ValueError, AssertionError, IndexError):  # by the kind of name that it almost is
        raise ValueError(f"input {network.input} is annotated as {name}, which is no datatype of FINN's; supported: such as INT8") from None


def _annotated(chain: Chain, network: Network) -> tuple[tuple[HostOp, ...], Grid]:
    """Inputs that are integers by annotation (FINN) or by their type: the hardware takes them as they are."""
    head, first = chain.head, chain.layers[0].layer
    name = network.annotation or INTEGER_ELEMENTS.get(network.tensors[network.input].element, "FLOAT32")
    datatype = datatype_of(name, network)
    if not datatype.is_integer():
        raise ValueError(f"node {first.name} ({first.node.op_type}) takes float inputs: input {network.input} is not quantised; say how with "
                         "--input-quant BITS,SCALE (such as 8,0.03125: -4 to 4 in 256 steps) or --input-quant auto with --data, or put a "
                         "QuantIdentity in front of the first layer")
    if datatype.bitwidth() > MOST_BITS:
        raise ValueError(f"input {network.input} is annotated as {datatype.name}; supported: integers of up to {MOST_BITS} bits")
    low, high = int(datatype.min()), int(datatype.max())
    check_values(f"input {network.input}: what it takes by levels and elements", (high - low + 1, *network.tensors[network.input].shape))
    bipolar = name == "BIPOLAR"
    integers = np.array([0, 1] if bipolar else range(low, high + 1))[:, None]
    values = 2 * integers - 1.0 if bipolar else integers.astype(np.float64)
    levels = Levels(integers, values, bipolar)
    width = network.tensors[network.input].width
    grid = _grid(head, np.broadcast_to(values, (len(values), width)), levels, network)
    taken = _indexing(head.before, network)
    if bipolar and grid.straight:
        return (*taken, HostOp("add", np.float32(1)), HostOp("div", np.float32(2))), grid
    if grid.straight and not bipolar:
        return taken, grid
    return _counted(head, grid, network, (low, high)), grid


def _counted(head: Stage, grid: Grid, network: Network, limits: tuple[int, int] | None = None) -> tuple[HostOp, ...]:
    """By evaluation of the whole head: for heads that no list of float32 operations gives bit by bit. limits: inputs are whole numbers."""
    links = head.links
    index = _index(links, network)
    taken = _indexing(links, network)
    tensor = network.tensors[network.input]
    nodes = [node for link in links for node in link.nodes]
    piece = Piece(nodes, network.constants, network.input, tensor.shape, tensor.element, links[-1].output, network.opset)

    def stored(columns: np.ndarray) -> np.ndarray:
        inputs = np.zeros((len(columns), tensor.width), np.float32)
        inputs[:, index] = columns if limits is None else np.clip(np.rint(columns), *limits)
        return np.clip(grid.stored(piece(inputs)), grid.low, grid.high)

    name, reach = (head.quantiser or links[-1]).name, _reach(head, network)
    if len(np.unique(index)) == len(index):
        return (*taken, *counting_operations(stored, len(index), grid.reached, name, reach))
    columns = [_column(stored, position, len(index)) for position in range(len(index))]
    made = [counting_operations(column, 1, grid.reached, name, reach) for column in columns]
    return (*taken, *_side_by_side(made))


def _reach(head: Stage, network: Network) -> float:
    """The greatest size of an input that is asked for its level. onnxruntime 1.25.1 does not saturate a QuantizeLinear to 2 bits beyond 2**31
    scales, nor one to 4 bits at infinity (findings/onnxruntime_wraps_two_bit_quantisation.sh): for these, far beyond the levels is far enough."""
    elements = {network.tensors[link.output].element for link in head.links}
    reach = GREATEST_HALF if TensorProto.FLOAT16 in elements else GREATEST
    if head.quantiser is None or not elements & set(NARROW):
        return reach
    return min(reach, FAR * float(np.abs(read_levels(head.quantiser, network).values).max()))


def _column(stored, position: int, width: int):
    """One column of `stored` as a function of its own, where several columns come from one feature."""
    return lambda values: stored(np.repeat(values, width, axis=1))[:, position : position + 1]


def _side_by_side(made: list[tuple[HostOp, ...]]) -> tuple[HostOp, ...]:
    """Counting operations of single columns as one list for all."""
    directions = np.array([ops[0].value.reshape(-1)[0] if ops[0].op == "mul" else 1 for ops in made], np.float32)
    counts = [next(op for op in ops if op.op == "count").value for ops in made]
    rest = tuple(op for op in made[0] if op.op == "add")
    return (*((HostOp("mul", directions),) if np.any(directions < 0) else ()), HostOp("count", np.concatenate(counts)), *rest)

