"""Our steps in a DataflowBuildConfig of the user's own: found by name, told by FINN's fields, failing in one line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from finn_steps.finn.environment import prepare_finn

PART, CLOCK_NS = "xc7z020clg400-1", 10.0
READS_QONNX = ("step_qonnx_to_finn", "step_streamline", "step_convert_to_hw")
"""FINN's steps that change what a model computes on ties, or its operators, before step_import_qonnx could read it."""
HARDWARE = "finn.custom_op.fpgadataflow"


@dataclass(frozen=True)
class Asked:
    """What FINN's configuration asks of the hardware. `target_ii` in cycles, None: as fast as can be; folding: a folding file."""

    part: str
    clock_ns: float
    target_ii: int | None
    folding: Path | None

    @classmethod
    def of(cls, cfg) -> Asked:
        """From fpga_part or board, synth_clk_period_ns, target_fps and folding_config_file. ValueError for a rate above the clock."""
        part = cfg._resolve_fpga_part() if cfg.fpga_part or cfg.board else PART
        clock_ns = float(cfg.synth_clk_period_ns or CLOCK_NS)
        cycles = cfg._resolve_cycles_per_frame()
        if cycles is not None and cycles < 1:
            raise ValueError(f"target_fps ({cfg.target_fps:,}) is above one inference a cycle; at synth_clk_period_ns {clock_ns:g} the most is "
                             f"{1e9 / clock_ns:,.0f}")
        return cls(part, clock_ns, cycles, cfg.folding_config_file)


def plugs_in(step: Callable) -> Callable:
    """The step, whose expected errors FINN's builder reports as a line, not as an internal error with a traceback, where no build of ours
    called it (cfg.build)."""

    @functools.wraps(step)
    def run(model, cfg):
        if getattr(cfg, "build", None) is not None:
            return step(model, cfg)
        try:
            return step(model, cfg)
        except (ValueError, OSError, RuntimeError) as error:
            from finn.util.exception import FINNUserError

            raise FINNUserError(f"{step.__name__}: {' '.join(str(error).split())}") from error

    return run


def register_steps(steps: list[Callable]) -> None:
    """Make FINN start here, with Vivado or without, know our operators, and find the steps by their bare names. May be called again.
    ValueError where FINN has another step of such a name."""
    prepare_finn(whole=True)
    from finn.builder.build_dataflow_steps import build_dataflow_step_lookup as known

    for step in steps:
        if known.setdefault(step.__name__, step) is not step:
            raise ValueError(f"FINN has a step {step.__name__} already, which is not qapflow's")


def require_untouched(model, cfg) -> None:
    """ValueError where FINN's steps have changed the model that step_import_qonnx is to read."""
    node = next((node for node in model.graph.node if node.domain.startswith(HARDWARE)), None)
    names = [step if isinstance(step, str) else step.__name__ for step in cfg.steps or []]
    ours = next((place for place, name in enumerate(names) if name.rpartition(".")[2] == "step_import_qonnx"), 0)
    before = [name for name in names[:ours] if name in READS_QONNX]
    if node is None and (not before or not model.get_nodes_by_op_type("MultiThreshold")):
        return
    what = f"{before[0]} has run" if before else f"node {node.name} ({node.op_type}) is FINN's hardware"
    raise ValueError(f"it reads the model as it was exported, and {what}, which decides ties otherwise; put step_import_qonnx first, or go on with "
                     "FINN's steps and take step_infer_sparse_mvau behind step_convert_to_hw (standalone_thresholds=True)")
