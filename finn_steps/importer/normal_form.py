"""A file's model as a chain of links, and the same in standard operators with an open batch: what everything else is read from.

1. Opsets below 13 are converted to 17, by onnx' own converter.
2. QONNX' operators, QOperators and Gemm become standard nodes (lowering.py); the tensors of the file keep their names.
3. Constants are computed by onnxruntime, and what is computed from the shape of the input counts as constant.
4. The batch is open; nodes that only change the shape are written for any batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, version_converter

from finn_steps.importer.evaluate import IR, MOST_MEMORY, NARROW, Value, named_by_output, proto, run
from finn_steps.importer.form import check_form
from finn_steps.importer.lowering import Link, Lowering
from finn_steps.importer.nodes import attribute, node_name, opset
from finn_steps.importer.operators import BETWEEN, MICROSOFT, STANDARD_DOMAINS, TABLE, WEIGHTS, find, is_custom, names_in

OLDEST_OPSET, CONVERTED_TO = 13, 17
RESHAPING = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
BATCH = "batch"
MOST_WORK = 2**34
"""Products of numbers in all matrix products, for one batch."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """Of one sample: `shape` without the batch, and the ONNX element type."""

    shape: tuple[int, ...]
    element: int

    @property
    def width(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class Network:
    """links from the input to the output, in order, each reading the one before.

    standard   the links' nodes as a model with an open batch; its constants are initialisers
    constants  every constant tensor of the file, by name
    producers  the node that computes a constant, by the constant's name
    tensors    those along the data
    annotation the FINN datatype that the file gives its input, or None
    own        names of the file's own tensors along the data
    opset      of `standard`
    """

    links: tuple[Link, ...]
    standard: onnx.ModelProto
    constants: dict[str, Value]
    producers: dict[str, onnx.NodeProto]
    tensors: dict[str, Tensor]
    input: str
    output: str
    annotation: str | None
    own: frozenset[str]
    opset: int


def normalise(model: onnx.ModelProto) -> Network:
    """ValueError, naming the node, for what is not in the table or no chain. The model itself is not changed."""
    check_form(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _name_nodes(copy.graph)
    constants = {tensor.name for tensor in copy.graph.initializer}
    for value in [value for value in copy.graph.input if value.name in constants]:
        copy.graph.input.remove(value)
    _check_ends(copy.graph)
    _check_operators(copy)
    custom_version = opset(copy, custom=True)
    own = frozenset(tensor for node in copy.graph.node for tensor in node.output) | {copy.graph.input[0].name}
    batch = _batch(copy.graph)
    return _Normaliser(_standard_opset(copy), custom_version, batch, own).network()


def _name_nodes(graph: onnx.GraphProto) -> None:
    for position, node in enumerate(graph.node):
        node.name = node_name(node, position)
        if node.domain in STANDARD_DOMAINS:
            node.domain = ""


def _check_ends(graph: onnx.GraphProto) -> None:
    if len(graph.input) != 1 or len(graph.output) != 1:
        inputs, outputs = (", ".join(v.name for v in values) or "none" for values in (graph.input, graph.output))
        raise ValueError(f"the model has inputs {inputs} and outputs {outputs}; supported: one input and one output")


WAYS_OUT = {
    "DynamicQuantizeLinear": "takes its scale from each sample, which hardware cannot; quantise statically "
                             "(onnxruntime.quantization.quantize_static)",
    "MatMulNBits": "has quantised weights and float activations; quantise the activations too (onnxruntime.quantization.quantize_static)",
}
"""What people export by a neighbouring way, and what to do instead."""


def _check_operators(model: onnx.ModelProto) -> None:
    versions = {"": opset(model), MICROSOFT: 1}
    for node in model.graph.node:
        version = opset(model, custom=True) if is_custom(node.domain) else versions.get(node.domain, versions[""])
        if node.op_type.startswith(("Conv", "QLinearConv")):
            raise ValueError(f"node {node.name} ({node.op_type}) is a convolution; supported: layers of MatMul or Gemm")
        if node.op_type == "BatchNormalization" and attribute(node, "training_mode", 0):
            raise ValueError(f"node {node.name} (BatchNormalization) is in training mode; export the model for inference (model.eval())")
        if node.op_type in WAYS_OUT:
            raise ValueError(f"node {node.name} ({node.op_type}) {WAYS_OUT[node.op_type]}")
        if find(node.domain, node.op_type, version) is None:
            known = [row for row in TABLE if row.name == node.op_type]
            which = f"{node.op_type}, domain '{node.domain}', version {version}"
            raise ValueError(f"node {node.name} ({which}) is not supported; supported: " + (
                f"{known[0].name} of versions {known[0].versions[0]} to {known[0].versions[1]}" if known
                else "the operators listed in docs/own_network.md"))


def _batch(graph: onnx.GraphProto) -> int:
    """The batch that the file fixes, or 1 where it is open."""
    value = graph.input[0]
    dimensions = value.type.tensor_type.shape.dim
    if len(dimensions) < 2:
        raise ValueError(f"input {value.name} has {len(dimensions)} dimension(s); supported: [batch, features ...]")
    for dimension in dimensions[1:]:
        if dimension.dim_value <= 0:
            raise ValueError(f"input {value.name} has an open dimension beside the batch; export it with a fixed shape")
    if dimensions[0].HasField("dim_value") and dimensions[0].dim_value == 0:
        raise ValueError(f"input {value.name} takes a batch of 0 samples, so nothing can be run; export it with an open batch, or with one sample")
    return max(1, dimensions[0].dim_value)


def _standard_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in opset 13 or newer. Nodes of other domains are put aside for the conversion."""
    version = opset(model)
    if version >= OLDEST_OPSET:
        return model
    foreign = {node.output[0]: node for node in model.graph.node if node.domain not in ("", "ai.onnx")}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:], copy.opset_import[:]
    copy.opset_import.append(helper.make_opsetid("", version))
    copy.ir_version = max(copy.ir_version, 4)
    for node in copy.graph.node:
        if node.output[0] in foreign:
            node.CopyFrom(helper.make_node("Identity", [node.input[0]], [node.output[0]], name=node.name))
    try:
        converted = version_converter.convert_version(copy, CONVERTED_TO)
    except Exception as error:
        raise ValueError(f"the model of opset {version} cannot be converted to {CONVERTED_TO} ({str(error).splitlines()[0]}); export it "
                         f"with opset_version={OLDEST_OPSET} or newer") from error
    for node in converted.graph.node:
        if node.op_type == "Identity" and node.output[0] in foreign:
            node.CopyFrom(foreign[node.output[0]])
    converted.graph.quantization_annotation.extend(model.graph.quantization_annotation)
    _name_nodes(converted.graph)
    return converted


class _Normaliser:
    """Walks through the file's nodes once, computing each on zeros: constants get their values, data their shapes and types."""

    def __init__(self, model: onnx.ModelProto, custom_version: int, batch: int, own: frozenset[str]):
        self.model, self.batch, self.own, self.opset = model, batch, own, opset(model)
        graph = model.graph
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.values = {tensor.name: Value.of(tensor) for tensor in graph.initializer}
        taken = {name for node in graph.node for name in (*node.input, *node.output)} | set(self.values)
        self.lowering = Lowering(self.values, taken, custom_version)
        self.dynamic, self.links, self.producers = {self.input}, [], {}
        self.bytes = self.work = 0

    def network(self) -> Network:
        self.values[self.input] = self._zeros(self.model.graph.input[0])
        for node in self.model.graph.node:
            self._visit(node)
        path = _path(self.links, self.dynamic, self.input, self.output)
        constants = {name: value for name, value in self.values.items() if name not in self.dynamic}
        path = _with_clips(path, constants)
        tensors = {name: self._tensor(name) for name in (self.input, *(link.output for link in path))}
        path = [_for_any_batch(link, tensors) for link in path]
        standard = _standard(path, constants, tensors, self.input, self.output, self.opset)
        return Network(tuple(path), standard, constants, self.producers, tensors, self.input, self.output, self._annotation(), self.own,
                       self.opset)

    def _visit(self, node: onnx.NodeProto) -> None:
        data = [name for name in node.input if name in self.dynamic]
        if data and node.op_type != "Shape":
            self._check_data(node, data)
        if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] and np.any(self.values[node.input[2]].array):
            raise ValueError(f"node {node.name} (Dropout) is in training mode; export the model for inference (model.eval())")
        lowered = self.lowering.lower(node, node.name)
        self.values.update({tensor.name: Value.of(tensor) for tensor in lowered.constants})
        for link in lowered.links:
            link = self._constants_apart(link)
            if data and link.input not in self.dynamic:
                link = replace(link, input=data[0])
            outputs = list(dict.fromkeys([link.output, *(name for name in link.nodes[-1].output if name)]))
            self._run(link.nodes, outputs, node)
            if data and node.op_type != "Shape":
                self.dynamic.update(outputs)
                self.links.append(link)
            else:
                self.producers.update(dict.fromkeys(outputs, node))

    def _constants_apart(self, link: Link) -> Link:
        """The link without those of its nodes that only compute constants, which are computed here."""
        kept = []
        for node in link.nodes:
            if node is link.nodes[-1] or any(name in self.dynamic or name not in self.values for name in node.input if name):
                kept.append(node)
                continue
            self._run([node], [node.output[0]], link.node)
            self.producers[node.output[0]] = node
        return replace(link, nodes=tuple(kept))

    def _run(self, nodes, outputs: list[str], of: onnx.NodeProto) -> None:
        """Compute `outputs`. ValueError, naming the node `of`, where the file's constants take too much time or memory."""
        self.work += sum(product_work(node, self.values) for node in nodes)
        if self.work > MOST_WORK:
            raise ValueError(f"node {of.name} ({of.op_type}) comes to {self.work:,} products with those before it, for one batch; supported: "
                             f"up to {MOST_WORK:,}")
        made = run(nodes, self.values, outputs, self.opset)
        self.bytes += sum(value.array.nbytes for value in made.values())
        if self.bytes > MOST_MEMORY:
            raise ValueError(f"node {of.name} ({of.op_type}): what it and those before it make of one batch takes {self.bytes / 2**20:,.0f} MB; "
                             f"supported: up to {MOST_MEMORY / 2**20:,.0f} MB")
        self.values.update(made)

    def _check_data(self, node: onnx.NodeProto, data: list[str]) -> None:
        if len(set(data)) > 1 or len(data) > 1:
            raise ValueError(f"node {node.name} ({node.op_type}) joins {' and '.join(data)}; supported: a chain without branches or "
                             "residual connections")
        row = find(node.domain, node.op_type, opset(self.model, custom=True) if is_custom(node.domain) else self.opset)
        if row is not None and set(row.places) == {WEIGHTS}:
            raise ValueError(f"node {node.name} ({node.op_type}) works on data; supported there: {names_in(BETWEEN)}")

    def _zeros(self, value: onnx.ValueInfoProto) -> Value:
        kind = value.type.tensor_type
        shape = (self.batch, *(dimension.dim_value for dimension in kind.shape.dim[1:]))
        dtype = NARROW.get(kind.elem_type) or helper.tensor_dtype_to_np_dtype(kind.elem_type)
        return Value(np.zeros(shape, dtype), kind.elem_type)

    def _tensor(self, name: str) -> Tensor:
        value = self.values[name]
        shape = value.array.shape
        if shape[:1] == (self.batch,):
            shape = shape[1:]
        elif self.batch > 1:
            raise ValueError(f"tensor {name} has shape {list(shape)}: the batch of {self.batch} does not stay in front; supported: "
                             "[batch, features ...] through the whole network")
        return Tensor(tuple(int(d) for d in shape), value.element)

    def _annotation(self) -> str | None:
        for entry in self.model.graph.quantization_annotation:
            if entry.tensor_name == self.input:
                return next((pair.value for pair in entry.quant_parameter_tensor_names if pair.key == "finn_datatype"), None)
        return None


def product_work(node: onnx.NodeProto, values: dict[str, Value]) -> int:
    """Products of two numbers that a matrix product takes; 0 for another operator."""
    if node.op_type not in ("MatMul", "MatMulInteger") or not all(name in values for name in node.input[:2]):
        return 0
    left, right = (values[name].array.shape for name in node.input[:2])
    return prod(left) * prod(right[:-2] or (1,)) * (right[-1] if len(right) > 1 else 1)


def _path(links: list[Link], dynamic: set[str], start: str, end: str) -> list[Link]:
    """The links from the input to the output. ValueError for a branch, or for what lies beside."""
    readers: dict[str, list[Link]] = {}
    for link in links:
        readers.setdefault(link.input, []).append(link)
    tensor, path = start, []
    while tensor in readers:
        if len(readers[tensor]) > 1:
            names = " and ".join(link.name for link in readers[tensor])
            raise ValueError(f"tensor {tensor} is read by {names}; supported: a chain without branches")
        path.append(_towards(readers[tensor][0], end))
        tensor = path[-1].output
    if tensor != end:
        raise ValueError(f"output {end} is not what the chain from the input ends in ({tensor})")
    if len(path) != len(links):
        raise ValueError(f"only {len(path)} of {len(links)} nodes lie between the input and the output; supported: a chain")
    return path


def _towards(link: Link, end: str) -> Link:
    """TopK gives values and indices: the link goes on from its indices where they are the output."""
    return replace(link, output=end) if link.kind == "TopK" and end in link.nodes[-1].output else link


def _with_clips(path: list[Link], constants: dict[str, Value]) -> list[Link]:
    """A Clip of the integers that a QuantizeLinear gives is a part of it: together they have fewer levels."""
    merged: list[Link] = []
    for link in path:
        before = merged[-1] if merged else None
        bounds = [constants[name].array for name in link.node.input[1:3] if name] if link.kind == "Clip" else []
        if before is not None and before.kind == "QuantizeLinear" and len(bounds) == 2 and all(bound.size == 1 for bound in bounds) \
                and int(bounds[0]) <= int(bounds[1]):
            low, high = before.levels or (-(2**31), 2**31)
            limits = (max(low, int(bounds[0])), min(high, int(bounds[1])))
            merged[-1] = replace(before, nodes=(*before.nodes, *link.nodes), output=link.output, levels=limits)
        else:
            merged.append(link)
    return merged


def _for_any_batch(link: Link, tensors: dict[str, Tensor]) -> Link:
    """The link with a Reshape to [-1, *shape] in the place of a node that only changes the shape."""
    if link.kind not in RESHAPING:
        return link
    before, after = tensors[link.input], tensors[link.output]
    if before.width != after.width:
        raise ValueError(f"node {link.name} ({link.kind}) makes {list(after.shape)} of {list(before.shape)}; the batch must stay in front")
    shape = f"{link.output}/shape"
    return replace(link, nodes=(helper.make_node("Reshape", [link.input, shape], [link.output], name=link.output),))


def _standard(path, constants: dict[str, Value], tensors: dict[str, Tensor], start: str, end: str, version: int) -> onnx.ModelProto:
    """The links as a model with an open batch; `constants` gets the shapes of its reshapes."""
    for link in path:
        if link.kind in RESHAPING:
            constants[f"{link.output}/shape"] = Value(np.array([-1, *tensors[link.output].shape], np.int64), TensorProto.INT64)
    nodes = [named_by_output(node) for link in path for node in link.nodes]
    values = [helper.make_tensor_value_info(name, tensors[name].element, [BATCH, *tensors[name].shape]) for name in (start, end)]
    graph = helper.make_graph(nodes, "standard", values[:1], values[1:])
    made = {name for node in nodes for name in node.output}
    used = dict.fromkeys(name for node in nodes for name in node.input if name and name not in made and name != start)
    graph.initializer.extend(proto(name, constants[name]) for name in used)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version), helper.make_opsetid(MICROSOFT, 1)],
                             ir_version=IR)
