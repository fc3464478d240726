"""FINN's builder behind run_steps: what comes out, what a failure says, what is resumed, and that it is quiet."""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.simplify import simplify
from finn_steps.finn.builder import StepError, run_steps
from finn_steps.finn.from_model import accelerator_from_model
from finn_steps.folding.streams import save_accelerator
from finn_steps.importer.lower import import_model
from finn_steps.steps import step_import_qonnx, step_infer_sparse_mvau
from finn_steps.verification.reference import Reference
from tests.qonnx_nets import Net, model_inputs, qonnx_net

NETS = {"pow2": Net(), "bipolar": Net(bipolar=True, zeros=0.9, batch_norm=True), "signed": Net(signed=True, scales="float"),
        "bipolar-output": Net(widths=(16, 8, 1), output_bits=1), "eleven-bit-output": Net(widths=(16, 8, 2), output_bits=11),
        "one-row": Net(widths=(16, 1, 1), zeros=0)}


def save(folder, net=Net()):
    onnx.save(qonnx_net(net), folder / "model.onnx")
    return folder / "model.onnx"


def step_keep(model, cfg):
    save_accelerator(accelerator_from_model(model), cfg.output_dir)
    return model


def all_steps(*more):
    return [step_import_qonnx, "step_tidy_up", "step_streamline", "step_convert_to_hw", step_infer_sparse_mvau, *more,
            "step_specialize_layers", step_keep]


@pytest.mark.parametrize("name", NETS)
def test_finns_steps_leave_the_network_as_it_was_imported(name, tmp_path):
    model = save(tmp_path, NETS[name])
    run_steps(model, all_steps(), tmp_path / "out")
    built = Accelerator.load(tmp_path / "out")
    expected = simplify(import_model(model, "out").accelerator).accelerator
    for old, new in zip(expected.layers, built.layers, strict=True):
        assert (old.name, old.idt, old.odt) == (new.name, new.idt, new.odt)
        assert np.array_equal(old.weights, new.weights) and np.array_equal(old.bias, new.bias)
        assert (old.thresholds is None) == (new.thresholds is None)
    assert built.sha256 == expected.sha256
    x = model_inputs(16, 500, 0)
    assert np.array_equal(Reference(tmp_path / "out" / "standard.onnx").integers(x), built.execute(built.quantise(x))) \
        or NETS[name].scales == "float"


def test_finn_does_not_open_a_file_that_the_first_step_reads_itself(tmp_path):
    """onnx 1.21 reads no scalar of INT2, and FINN's builder reads every constant of what it opens."""
    model = qonnx_net(Net())
    model.graph.initializer.append(onnx.helper.make_tensor("scalar", onnx.TensorProto.INT2, [], [1]))
    model.graph.node.append(onnx.helper.make_node("Identity", ["scalar"], ["seen"]))
    onnx.save(model, tmp_path / "model.onnx")
    seen = []

    def step_look(model, cfg):
        seen.append(cfg.build.model)
        return model

    run_steps(tmp_path / "model.onnx", [step_look], tmp_path / "out", build=SimpleNamespace(model=tmp_path / "model.onnx"))
    assert seen == [tmp_path / "model.onnx"]


def step_wrong_value(model, cfg):
    raise ValueError("fc1: PE (3) must divide MH (32)")


def step_broken(model, cfg):
    return {}["nothing"]


def step_interrupted(model, cfg):
    raise KeyboardInterrupt


def test_an_expected_failure_comes_out_as_it_was_raised(tmp_path):
    with pytest.raises(ValueError, match=r"^fc1: PE \(3\) must divide MH \(32\)$"):
        run_steps(save(tmp_path), [step_import_qonnx, step_wrong_value], tmp_path / "out")


def test_an_unforeseen_failure_names_the_step_and_the_log(tmp_path):
    with pytest.raises(StepError, match="step_broken failed: KeyError: 'nothing'; see .*build.log") as raised:
        run_steps(save(tmp_path), [step_import_qonnx, step_broken], tmp_path / "out")
    assert isinstance(raised.value.__cause__, KeyError)


def test_an_interrupt_interrupts(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_steps(save(tmp_path), [step_interrupted], tmp_path / "out")


def test_a_step_unknown_to_finn_is_named(tmp_path):
    with pytest.raises(Exception, match="step_nonsense"):
        run_steps(save(tmp_path), ["step_nonsense"], tmp_path / "out")


def test_resume_runs_only_what_is_left(tmp_path):
    model, ran = save(tmp_path), []

    @contextmanager
    def record(name):
        ran.append(name)
        yield

    with pytest.raises(ValueError):
        run_steps(model, all_steps(step_wrong_value), tmp_path / "out", around_step=record)
    done = ran[:-1]
    assert done == ["step_import_qonnx", "step_tidy_up", "step_streamline", "step_convert_to_hw", "step_infer_sparse_mvau"]
    ran.clear()
    run_steps(model, all_steps(), tmp_path / "out", finished=done, around_step=record)
    assert ran == ["step_specialize_layers", "step_keep"]
    (tmp_path / "out" / "intermediate_models" / "step_tidy_up.onnx").unlink()
    ran.clear()
    run_steps(model, all_steps(), tmp_path / "out", finished=done, around_step=record)
    assert ran[0] == "step_tidy_up"
    ran.clear()
    run_steps(model, all_steps(), tmp_path / "out", finished=[*done, "step_specialize_layers", "step_keep"], around_step=record)
    assert ran == []


def step_loud(model, cfg):
    print(f"to standard output {cfg.build}")
    print("to standard error", file=sys.stderr)
    return model


def test_what_steps_print_goes_to_the_log(tmp_path, capfd):
    import logging

    handlers, streams = list(logging.getLogger().handlers), (sys.stdout, sys.stderr)

    @contextmanager
    def talk(name):
        print("begin", name)
        yield
        print("end", name, file=sys.stderr)

    run_steps(save(tmp_path), [step_import_qonnx, step_loud], tmp_path / "out", build="options", around_step=talk)
    seen = capfd.readouterr()
    assert "begin step_loud" in seen.out and "end step_loud" in seen.err
    assert "to standard" not in seen.out + seen.err
    log = (tmp_path / "out" / "build.log").read_text()
    assert "to standard output options" in log and "to standard error" in log
    assert logging.getLogger().handlers == handlers and (sys.stdout, sys.stderr) == streams
