"""SparseMVAU in RTL: qapflow's generator behind FINN's RTL backend, simulated with Verilator where FINN would call Vivado."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from finn.util.basic import make_build_dir

from finn_steps.accelerator import Accelerator
from finn_steps.finn.custom_op.sparse_mvau import SparseMVAU
from finn_steps.rtl.design import Design


@register_custom_op
class SparseMVAU_rtl(SparseMVAU, RTLBackend):  # noqa: N801  FINN finds it by this name
    def get_nodeattr_types(self):
        return {**RTLBackend.get_nodeattr_types(self), **SparseMVAU.get_nodeattr_types(self)}

    def generate_hdl(self, model, fpgapart, clk):
        """This layer alone, as module finn_accel in a folder of its own (code_gen_dir_ipgen)."""
        from finn_steps.rtl.generate import generate

        folder = Path(self.get_nodeattr("code_gen_dir_ipgen") or make_build_dir(f"code_gen_ipgen_{self.onnx_node.name}_"))
        layer = self.sparse_layer(model)
        design = generate(Accelerator(layer.name, (layer,), layer.MW, np.arange(layer.MW)), folder)
        self.set_nodeattr("code_gen_dir_ipgen", str(folder))
        self.set_nodeattr("gen_top_module", design.top)
        self.set_nodeattr("ipgen_path", str(folder))
        self.set_nodeattr("ip_path", str(folder))

    def get_rtl_file_list(self, abspath=False):
        folder = Path(self.get_nodeattr("code_gen_dir_ipgen"))
        return [folder / name if abspath else Path(name) for name in Design.load(folder).files]

    def get_verilog_top_module_name(self):
        return self.get_nodeattr("gen_top_module")

    def get_verilog_top_module_intf_names(self):
        design = Design.load(self.get_nodeattr("code_gen_dir_ipgen"))
        return {"clk": ["ap_clk"], "rst": ["ap_rst_n"], "s_axis": [("s_axis_0", 8 * design.input_stream.bytes)],
                "m_axis": [("m_axis_0", 8 * design.output_stream.bytes)], "aximm": [], "axilite": [], "ap_none": []}

    def code_generation_ipi(self):
        """Tcl for Vivado's IP Integrator: the sources, then the module as a cell."""
        files = [f"add_files -norecurse {path}" for path in self.get_rtl_file_list(abspath=True)]
        return [*files, f"create_bd_cell -type module -reference {self.get_verilog_top_module_name()} {self.onnx_node.name}"]

    def prepare_rtlsim(self, behav=True):
        """Compile with Verilator; FINN would call Vivado here."""
        from finn_steps.rtlsim import Simulation

        Simulation.build(Path(self.get_nodeattr("code_gen_dir_ipgen")))
        self.set_nodeattr("rtlsim_so", self.get_nodeattr("code_gen_dir_ipgen"))

    def execute_node(self, context, graph):
        """exec_mode rtlsim runs the RTL, anything else the integers; cycles_rtlsim takes what the simulation measured."""
        if self.get_nodeattr("exec_mode") != "rtlsim":
            return SparseMVAU.execute_node(self, context, graph)
        from finn_steps.rtlsim import Simulation

        x = np.rint(context[self.onnx_node.input[0]]).astype(np.int64).reshape(-1, self.get_nodeattr("MW"))
        result = Simulation.build(Path(self.get_nodeattr("code_gen_dir_ipgen"))).run(x)
        self.set_nodeattr("cycles_rtlsim", int(result.cycles))
        context[self.onnx_node.output[0]] = result.y.reshape(self.get_normal_output_shape()).astype(np.float32)
