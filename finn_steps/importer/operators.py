"""The table of operators that can be read, each with the versions and the places in which it is understood.

An operator is what its domain, its name and the version say, and nothing else: what is not in the table is refused by name.
docs/own_network.md prints the table (`markdown_table`).
"""

from __future__ import annotations

from dataclasses import dataclass

STANDARD_DOMAINS = ("", "ai.onnx")
CUSTOM_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "qonnx")
MICROSOFT = "com.microsoft"
NEWEST_OPSET = 26
"""Of ONNX' own operators: the newest that the onnxruntime here runs."""

HOST, BETWEEN, LAYER, WEIGHTS = "ends", "between", "layer", "weights"


@dataclass(frozen=True)
class Operator:
    """One row. `versions` are the opsets (of its domain) in which it is understood, first and last.

    places  ends: before the first integers and behind the last, where the host computes it
            between: from a layer to the next one, where it becomes thresholds; there it must be monotone
            layer: makes a layer; weights: computes constants (everything in the table may)
    """

    name: str
    domain: str
    versions: tuple[int, int]
    places: tuple[str, ...]
    note: str = ""


def _standard(names: str, first: int, places: tuple[str, ...], note: str = "") -> list[Operator]:
    return [Operator(name, "", (first, NEWEST_OPSET), places, note) for name in names.split()]


EVERYWHERE = (HOST, BETWEEN)
TABLE: tuple[Operator, ...] = (
    *_standard("MatMul", 1, (LAYER,), "weights on the right"),
    *_standard("Gemm", 7, (LAYER,), "transA = 0"),
    *_standard("MatMulInteger", 10, (LAYER,)),
    *_standard("QLinearMatMul", 10, (LAYER,)),
    Operator("QGemm", MICROSOFT, (1, 1), (LAYER,), "transA = 0"),
    *_standard("QuantizeLinear DequantizeLinear", 10, EVERYWHERE,
               "per tensor or along any axis, (u)int2 to (u)int16, int32 biases; no blocks, no float8"),
    *(Operator(name, MICROSOFT, (1, 1), EVERYWHERE, "the same, of onnxruntime's static quantisation") for name in ("QuantizeLinear", "DequantizeLinear")),
    *(Operator(name, MICROSOFT, (1, 1), EVERYWHERE, "by its own answer to every level") for name in ("QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu")),
    Operator("Quant", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE, "also as IntQuant; all rounding modes of qonnx' executor"),
    Operator("IntQuant", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE, "the same as Quant"),
    Operator("BipolarQuant", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE),
    Operator("Trunc", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE, "behind a quantiser"),
    Operator("FloatQuant", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE, "saturating"),
    Operator("MultiThreshold", CUSTOM_DOMAINS[0], (1, 2), EVERYWHERE, "FINN's, with any scale and bias"),
    *_standard("Add Sub Mul Div", 7, EVERYWHERE, "with a constant"),
    *_standard("Min Max", 8, EVERYWHERE, "with a constant"),
    *_standard("Mod", 10, (HOST,), "fmod = 1, with a constant"),
    *_standard("Clip", 6, EVERYWHERE),
    *_standard("Relu LeakyRelu Neg Sigmoid Tanh Floor Ceil", 6, EVERYWHERE),
    *_standard("Round", 11, EVERYWHERE),
    *_standard("PRelu", 7, EVERYWHERE, "slopes of at least 0"),
    *_standard("Elu Selu HardSigmoid Softplus", 6, EVERYWHERE),
    *_standard("Softsign Sign Erf Exp", 9, (BETWEEN,)),
    *_standard("Celu ThresholdedRelu", 12, EVERYWHERE),
    *_standard("BatchNormalization", 7, EVERYWHERE, "as in inference"),
    *_standard("Cast", 6, EVERYWHERE, "between float types, and of whole numbers"),
    *_standard("Identity Dropout Flatten Reshape Squeeze Unsqueeze Transpose", 1, EVERYWHERE, "the batch stays in front"),
    *_standard("Slice Gather", 1, EVERYWHERE, "along other axes than the batch, constant indices"),
    *_standard("Softmax LogSoftmax", 1, (HOST,), "any axis, the last float operator"),
    *_standard("ArgMax TopK", 1, (HOST,), "at the end; TopK with k = 1; built as label"),
    *_standard("Constant ConstantOfShape Shape Concat Expand Range ReduceSum ReduceProd Equal Where Pow Sqrt Reciprocal Abs", 1, (WEIGHTS,)),
)
_BY_KEY = {(row.domain, row.name): row for row in TABLE}


def find(domain: str, name: str, version: int) -> Operator | None:
    """The row for an operator as a file names it, or None."""
    domain = "" if domain in STANDARD_DOMAINS else CUSTOM_DOMAINS[0] if domain in CUSTOM_DOMAINS else domain
    row = _BY_KEY.get((domain, name))
    return row if row is not None and row.versions[0] <= version <= row.versions[1] else None


def places_of(name: str) -> set[str]:
    """Where an operator that has been let in may stand, whichever its domain; empty for a part of a lowered one."""
    return {place for row in TABLE if row.name == name for place in row.places}


def is_custom(domain: str) -> bool:
    """Whether a domain is one of those that QONNX' operators come in."""
    return domain in CUSTOM_DOMAINS


def names_in(place: str) -> str:
    """The operators of a place, for messages."""
    return ", ".join(dict.fromkeys(row.name for row in TABLE if place in row.places))


def markdown_table() -> str:
    """The table as docs/own_network.md prints it."""
    lines = ["| operator | versions | places | |", "|---|---|---|---|"]
    for row in TABLE:
        domain = {"": "ONNX", CUSTOM_DOMAINS[0]: "QONNX", MICROSOFT: "onnxruntime"}[row.domain]
        first, last = row.versions
        lines.append(f"| `{row.name}` | {domain} {first}{f' to {last}' if last > first else ''} | {', '.join(row.places)} | {row.note} |")
    return "\n".join(lines) + "\n"
