"""A build.py of one's own: FINN's builder with our steps (docs/finn.md) on tfc.onnx, then the package for a board, in out/."""

import numpy as np

import finn_steps.steps

finn_steps.steps.register()
from finn.builder.build_dataflow import build_dataflow_cfg  # noqa: E402
from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType  # noqa: E402

from deploy.package import package  # noqa: E402
from finn_steps.accelerator import Accelerator  # noqa: E402

cfg = DataflowBuildConfig(
    output_dir="out", fpga_part="xc7z020clg400-1", synth_clk_period_ns=5.0, target_fps=3_125_000,
    generate_outputs=[DataflowOutputType.ESTIMATE_REPORTS], standalone_thresholds=True,
    steps=["step_import_qonnx", "step_tidy_up", "step_convert_to_hw", "step_infer_sparse_mvau", "step_choose_sparse_folding",
           "step_specialize_layers", "step_generate_estimate_reports", "step_generate_sparse_rtl", "step_verify_sparse_rtl"])
if build_dataflow_cfg("tfc.onnx", cfg):
    raise SystemExit("FINN's builder failed; its last line says why")

# The driver's self-test on the board sends these digits, and must get these answers.
network = Accelerator.load("out")
digits = np.load("digits.npz")["X"][:256]
integers = network.execute(network.quantise(digits))
package("out", "out", "out/rtl", digits, integers, network.dequantise(integers), clock_mhz=1000 / cfg.synth_clk_period_ns)
