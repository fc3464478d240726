"""Two ways to run every node of a user's file: onnxruntime alone, or qonnx's operators with onnxruntime for the standard ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp, is_custom_op
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.basic import get_preferred_qonnx_opset

from finn_steps.original.sessions import Part, attempt, essence, newest_opset, open_value, session
from finn_steps.original.user_file import UserFile, inputs_of

QONNX_OLD_DOMAINS = ("finn", "finn.custom_op.general")
"""qonnx's ModelWrapper reads them as qonnx.custom_op.general."""


def runner_of(file: UserFile) -> OnnxruntimeRunner | QonnxRunner:
    """The executor that knows the file's operators. ValueError, naming the first node that it cannot run."""
    runner = QonnxRunner(file) if any(is_qonnx(node) for node in file.model.graph.node) else OnnxruntimeRunner(file)
    runner.check()
    return runner


def is_qonnx(node: NodeProto) -> bool:
    """Whether qonnx (FINN's operators registered with it among them) executes this node."""
    named = bool(node.domain) and not node.domain.startswith(".")
    return node.domain in QONNX_OLD_DOMAINS or named and is_custom_op(node.domain, node.op_type)


class OnnxruntimeRunner:
    """All nodes in one session.

    .run(x, names, constants)  {name: array} for an input of the file's type [N, ...], with `constants` in the place of the file's own of
                     these names; raises whatever onnxruntime raises
    .untouched(x)    the first output, of the file itself with all that it declares; None where onnxruntime does not take it so
    .parts           pieces that one run starts, for its cost
    """

    executor, parts = "onnxruntime", 1

    def __init__(self, file: UserFile):
        self.file = file
        self._part = Part(file.model, file.model.graph.node)

    def check(self) -> None:
        refuse_versions(self.file, self.file.model.graph.node)
        refuse_failing(self.file, self._part, [open_value(self.file.input.name, self.file.input_dtype)])

    def run(self, x: np.ndarray, names: Sequence[str], constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._part.run({self.file.input.name: x, **constants}, names)

    def untouched(self, x: np.ndarray) -> np.ndarray | None:
        try:
            return session(str(self.file.path)).run([self.file.output], {self.file.input.name: x})[0]
        except Exception:
            return None


class QonnxRunner:
    """QONNX and FINN operators by qonnx's own execution of them, runs of standard nodes between them in one session each.

    The node order is any that the graph allows; what does not depend on the input is computed once. qonnx's execute_onnx makes a
    session for every standard node of every run and wants a shape for every tensor; the arithmetic is the same.
    .untouched(x) is execute_onnx itself, its missing shapes inferred by qonnx. Fields as OnnxruntimeRunner's.
    """

    executor = "qonnx"

    def __init__(self, file: UserFile):
        self.file = file
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = ModelWrapper(file.model, make_deepcopy=True).model
        self._versions = {entry.domain: entry.version for entry in self.model.opset_import}
        graph = self.model.graph
        dependent = {output for node in file.dependent for output in node.output}
        constant, moving = [], []
        for node in graph.node:
            (moving if dependent & set(node.output) else constant).append(node)
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._stored = set(self._constants)
        self._constant_steps = self._schedule(constant, set(self._constants))
        made = {name for node in constant for name in node.output}
        self._steps = self._schedule(moving, set(self._constants) | made | {file.input.name})
        self.parts = len(self._steps)
        self._plans: dict[tuple, list] = {}

    def check(self) -> None:
        standard = [node for node in self.model.graph.node if not is_qonnx(node)]
        refuse_versions(self.file, standard)
        for step in (*self._constant_steps, *self._steps):
            for node in [] if isinstance(step, Part) else [step]:
                if (reason := attempt(lambda: self._instance(node))) is not None:
                    raise ValueError(f"{self.file.label(node)} cannot be run by qonnx: {reason}")
        self._compute_constants()

    def run(self, x: np.ndarray, names: Sequence[str], constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        context = {**self._constants, self.file.input.name: x, **constants}
        for step, wanted in self._plan(tuple(names), tuple(constants)):
            self._execute(step, context, wanted)
        return {name: np.asarray(context[name]) for name in names}

    def untouched(self, x: np.ndarray) -> np.ndarray | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = ModelWrapper(self.file.model, make_deepcopy=True)
                value = next(v for v in model.graph.input if v.name == self.file.input.name)
                value.type.tensor_type.shape.dim[0].dim_value = len(x)
                if not model.check_all_tensor_shapes_specified():
                    model = model.transform(InferShapes())
                return execute_onnx(model, {self.file.input.name: x})[self.file.output]
        except Exception:
            return None

    def _plan(self, names: tuple[str, ...], constants: tuple[str, ...]) -> list[tuple]:
        """Each step with the tensors to feed it and those to ask of it; kept, because runs of one sample are many."""
        if (names, constants) not in self._plans:
            self._plans[names, constants] = plan(self._steps, set(names), self._stored - set(constants))
        return self._plans[names, constants]

    def _compute_constants(self) -> None:
        later = {name for step in self._steps for name in needs(step)}
        wanted = later & {name for step in self._constant_steps for name in makes(step)}
        for step, tensors in plan(self._constant_steps, wanted, self._stored):
            self._execute(step, self._constants, tensors)

    def _execute(self, step, context: dict, tensors: tuple[list[str], list[str]]) -> None:
        if isinstance(step, Part):
            fed, wanted = tensors
            context.update(self._run_part(step, {name: context[name] for name in fed}, wanted))
        else:
            self._execute_custom(step, context)

    def _run_part(self, part: Part, inputs, outputs) -> dict[str, np.ndarray]:
        try:
            return part.run(inputs, outputs)
        except Exception:
            if found := part.failing_node([open_value(name, array.dtype) for name, array in inputs.items()]):
                raise ValueError(f"{self.file.label(found[0])} cannot be run by onnxruntime {onnxruntime.__version__}: "
                                 f"{found[1]}") from None
            raise

    def _execute_custom(self, node: NodeProto, context: dict) -> None:
        context[""] = None
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                if node.op_type in ("Quant", "IntQuant") and np.size(context[node.input[3]]) > 1:
                    self._execute_by_width(node, context)
                else:
                    self._instance(node).execute_node(context, self.model.graph)
        except Exception as error:
            raise ValueError(f"{self.file.label(node)} cannot be run by qonnx: {essence(error)}") from error

    def _execute_by_width(self, node: NodeProto, context: dict) -> None:
        """A Quant with a width for each channel: qonnx 1.0.0 takes one width (findings/), so it runs once for each that occurs."""
        widths, output = context[node.input[3]], None
        for width in np.unique(widths):
            self._instance(node).execute_node(one := {**context, node.input[3]: width}, self.model.graph)
            made = one[node.output[0]]
            output = made if output is None else np.where(np.broadcast_to(widths == width, made.shape), made, output)
        context[node.output[0]] = output

    def _instance(self, node: NodeProto):
        return getCustomOp(node, onnx_opset_version=self._versions.get(node.domain, get_preferred_qonnx_opset()))

    def _schedule(self, nodes: list[NodeProto], available: set[str]) -> tuple[Part | NodeProto, ...]:
        """All standard nodes that can run, then all custom ones, and so on."""
        pending, steps, idle = list(nodes), [], 0
        custom = False
        while pending:
            ready = []
            for node in list(pending):
                if is_qonnx(node) == custom and available.issuperset(inputs_of(node)):
                    ready.append(node)
                    available.update(node.output)
                    pending.remove(node)
            steps += ready if custom else [Part(self.model, ready)] if ready else []
            idle = 0 if ready else idle + 1
            if idle == 2:
                missing = next(name for name in inputs_of(pending[0]) if name not in available)
                raise ValueError(f"{self.file.label(pending[0])} reads {missing}, which nothing makes before it")
            custom = not custom
        return tuple(steps)


def plan(steps, wanted: set[str], stored: set[str]) -> list[tuple]:
    """(step, (tensors to feed, tensors to ask for)) of each step that is needed; what is stored in the model need not be fed."""
    chosen, wanted = [], set(wanted)
    for step in reversed(steps):
        if asked := makes(step) & wanted:
            chosen.append((step, (sorted(needs(step) - stored), sorted(asked))))
            wanted |= needs(step)
    return chosen[::-1]


def needs(step: Part | NodeProto) -> set[str]:
    return {name for node in (step.nodes if isinstance(step, Part) else (step,)) for name in inputs_of(node)} - \
        (makes(step) if isinstance(step, Part) else set())


def makes(step: Part | NodeProto) -> set[str]:
    return {name for node in (step.nodes if isinstance(step, Part) else (step,)) for name in node.output if name}


def refuse_versions(file: UserFile, standard: Sequence[NodeProto]) -> None:
    """ValueError, naming the first standard node, where the file's operators are of a version that onnxruntime does not have."""
    version = max((e.version for e in file.model.opset_import if e.domain in ("", "ai.onnx")), default=0)
    if standard and version > newest_opset():
        raise ValueError(f"{file.label(standard[0])} is of ONNX opset {version}; onnxruntime {onnxruntime.__version__} runs opsets "
                         f"up to {newest_opset()}: export {file.name} with such a one")


def refuse_failing(file: UserFile, part: Part, inputs: Sequence[onnx.ValueInfoProto]) -> None:
    if found := part.failing_node(inputs):
        raise ValueError(f"{file.label(found[0])} cannot be run by onnxruntime {onnxruntime.__version__}: {found[1]}")
