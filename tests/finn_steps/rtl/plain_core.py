"""A stand-in for the core generators: plain expressions, any latency and II, so that the handshake is tested by itself."""

from qonnx.core.datatype import DataType

from finn_steps.rtl.core import Core
from finn_steps.rtl.generate import identifier


def plain_core(latency=3, ii=1):
    """A core generator: (layers, module) -> Core. With ii > 1 the core has `start`, and its output is garbage but for the
    one cycle in which the answer is due."""

    def generate(layers, module):
        text, previous, bits = "", "taken", DataType[layers[0].idt].bitwidth()
        for layer in layers:
            text += layer_text(layer, previous, bits)
            previous, bits = identifier(layer.name), DataType[layer.odt].bitwidth()
        first, last = layers[0], layers[-1]
        in_bits, out_bits = first.MW * DataType[first.idt].bitwidth(), last.MH * bits
        start = "    input wire logic start,\n" if ii > 1 else ""
        taken = "start ? x : ~x" if ii > 1 else "x"
        pipeline = f"  logic [{out_bits - 1}:0] stage[{latency + 1}];\n  assign stage[0] = {previous};\n"
        for i in range(latency):
            pipeline += f"  always_ff @(posedge clk) stage[{i + 1}] <= stage[{i}];\n"
        verilog = (
            f"/* verilator lint_off UNUSEDSIGNAL */  // sums are of 32 bits, whatever is read of them\nmodule {module} (\n    input wire logic clk,\n{start}    input wire logic [{in_bits - 1}:0] x,\n"
            f"    output logic [{out_bits - 1}:0] y\n);\n  wire [{in_bits - 1}:0] taken = {taken};\n{text}{pipeline}"
            f"  assign y = stage[{latency}];\nendmodule\n"
        )
        return Core(module, verilog, latency, ii, in_bits, out_bits)

    return generate


def layer_text(layer, source, in_bits):
    name, out_bits = identifier(layer.name), DataType[layer.odt].bitwidth()
    signed = "$signed" if DataType[layer.idt].signed() else "$unsigned"
    text = f"  wire [{layer.MH * out_bits - 1}:0] {name};\n"
    for row in range(layer.MH):
        terms = [f"({int(w)}) * 32'({signed}({source}[{i * in_bits}+:{in_bits}]))" for i, w in enumerate(layer.weights[row])]
        text += f"  wire signed [31:0] {name}_acc{row} = {' + '.join([str(int(layer.bias[row])), *terms])};\n"
        value = f"{name}_acc{row}"
        if layer.thresholds is not None:
            least = 0 if layer.odt == "BIPOLAR" else int(DataType[layer.odt].min())
            reached = [f"32'({name}_acc{row} >= {int(t)})" for t in layer.thresholds[row]]
            value = f"({least} + {' + '.join(reached)})"
        text += f"  assign {name}[{row * out_bits}+:{out_bits}] = {out_bits}'({value});\n"
    return text
