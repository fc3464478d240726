"""Runs a list of steps through FINN's own builder, and says what failed."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from finn_steps.finn.environment import finn_build_folder
from finn_steps.tools.files import write_atomically

Step = Callable[[Any, Any], Any]
LOG = "build.log"


class StepError(RuntimeError):
    """A step failed in a way that no check foresaw; the cause is chained."""


def run_steps(model: Path | str, steps: Sequence[str | Step], output_dir: Path | str, build: Any = None,
              finished: Iterable[str] = (), around_step: Callable[[str], AbstractContextManager] = nullcontext, **config) -> None:
    """Run `steps` on a model file with FINN's build_dataflow_cfg, in `output_dir`.

    steps        FINN's step names and our functions `(model, cfg)`; each leaves intermediate_models/<step>.onnx
    build        our options; steps find them in cfg.build. Where they name a model, the first step reads that, and FINN opens a stand-in
    finished     names of steps that an earlier run in this folder finished: the leading ones are not run again
    around_step  a context manager for the time a step runs, entered with its name
    config       further fields of FINN's DataflowBuildConfig
    ValueError, OSError and RuntimeError of a step come out as they were raised; anything else as a StepError that names the step.
    What FINN prints goes to build.log.
    """
    output_dir = Path(output_dir).absolute()
    output_dir.mkdir(parents=True, exist_ok=True)
    with finn_build_folder(output_dir / "finn_build"), tempfile.TemporaryDirectory(prefix="qapflow-finn-") as place:
        opened = model if getattr(build, "model", None) is None else stand_in(Path(place))
        _run(str(opened), steps, output_dir, build, finished, around_step, config)


def stand_in(folder: Path) -> Path:
    """A model for FINN to open in place of the user's: it reads every constant, and onnx 1.21 fails at some (a scalar of INT2)."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "stand_in", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph), folder / "stand_in.onnx")
    return folder / "stand_in.onnx"


def _run(model: str, steps, output_dir: Path, build, finished, around_step, config) -> None:
    from finn.builder import build_dataflow

    cfg = _configuration(output_dir, build, config)
    cfg.steps = list(steps)
    functions = build_dataflow.resolve_build_steps(cfg, partial=False)
    first = _first_to_run([function.__name__ for function in functions], finished, output_dir)
    if first == len(functions):
        return
    cfg.start_step = functions[first].__name__ if first else None
    failure: list[tuple[str, BaseException]] = []
    terminal = sys.stdout, sys.stderr
    cfg.steps = [_recording(function, around_step, failure, terminal) for function in functions]
    code = None
    with _quiet(build_dataflow, output_dir / LOG), contextlib.suppress(Exception):
        code = build_dataflow.build_dataflow_cfg(model, cfg)
    if failure:
        _raise(*failure[0], output_dir / LOG)
    if code != 0:
        raise StepError(f"FINN's builder failed outside of its steps; see {output_dir / LOG}")


def _configuration(output_dir: Path, build, config: dict):
    from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType

    cfg = DataflowBuildConfig(**{
        "output_dir": str(output_dir), "synth_clk_period_ns": getattr(build, "clock_ns", 10.0),
        "generate_outputs": [DataflowOutputType.ESTIMATE_REPORTS],
        "fpga_part": getattr(build, "part", "xc7z020clg400-1"), "standalone_thresholds": True, "requant_bitwidth_threshold": 64,
        "save_intermediate_models": False, "enable_build_pdb_debug": False, "verbose": False, **config})
    cfg.build = build
    return cfg


def save_intermediate(model, step: str, output_dir: Path) -> None:
    """Write intermediate_models/<step>.onnx, whole or not at all, as a part of the step: FINN's own saving is neither."""
    folder = output_dir / "intermediate_models"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{step}.onnx", model.model.SerializeToString())


def _first_to_run(names: list[str], finished: Iterable[str], output_dir: Path) -> int:
    """Index of the first step that is not finished, or whose predecessor's model is missing."""
    finished = set(finished)
    for index, name in enumerate(names):
        if name not in finished or not (output_dir / "intermediate_models" / f"{name}.onnx").is_file():
            return index
    return len(names)


def _recording(function: Step, around_step, failure: list, terminal) -> Step:
    """The step, with its failure kept (FINN's builder turns it into -1) and the terminal handed to `around_step`."""

    def step(model, cfg):
        quiet = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = terminal
        try:
            with around_step(function.__name__):
                for stream, real in zip(quiet, terminal):
                    stream.rich_proxied_file = real
                loud = sys.stdout, sys.stderr
                sys.stdout, sys.stderr = quiet
                try:
                    made = function(model, cfg)
                    save_intermediate(made, function.__name__, Path(cfg.output_dir))
                    return made
                finally:
                    sys.stdout, sys.stderr = loud
        except BaseException as error:
            failure.append((function.__name__, error))
            raise
        finally:
            sys.stdout, sys.stderr = quiet

    step.__name__ = function.__name__
    return step


@contextlib.contextmanager
def _quiet(build_dataflow, log: Path):
    """FINN's output and logging go to `log`; afterwards streams and logging are as they were."""
    streams, root = (sys.stdout, sys.stderr), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logfile = build_dataflow.get_logfile_path
    build_dataflow.get_logfile_path = lambda cfg: str(log)
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    for handler in handlers:
        root.removeHandler(handler)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        build_dataflow.get_logfile_path = logfile
        logging.captureWarnings(False)
        for handler in list(root.handlers):
            root.removeHandler(handler)
            handler.close()
        for handler in handlers:
            root.addHandler(handler)
        root.setLevel(level)


def _raise(name: str, error: BaseException, log: Path) -> None:
    if type(error).__name__ == "FINNUserError" and error.__cause__ is not None:  # of plug_in.plugs_in
        error = error.__cause__
    expected = isinstance(error, (ValueError, OSError, RuntimeError)) and str(error)
    if expected or not isinstance(error, Exception):
        raise error
    raise StepError(f"{name} failed: {type(error).__name__}: {error}; see {log}") from error
