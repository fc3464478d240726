"""FINN starts without what it hardly uses (LEFT_OUT), and nothing that a build uses notices."""

import subprocess
import sys
from pathlib import Path

import pytest

from finn_steps.finn.stand_ins import left_out

ROOT = Path(__file__).parents[3]
START = """
import sys
from types import ModuleType
from finn_steps.finn.environment import LEFT_OUT, prepare_finn
prepare_finn()
within = lambda name: any(f"{name}.".startswith(f"{left}.") for left in LEFT_OUT)
assert not [name for name in sys.modules if within(name)], "left out"
inside = lambda value: within(str(getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", "")))
print(*sorted({name for name, module in list(sys.modules.items()) for value in list(vars(module).values()) if inside(value)}))
import finn.builder.passes, networkx, pandas, scipy.special, sklearn.base, sympy, torch
assert scipy.special.softmax([0.0, 0.0])[0] == 0.5 and networkx.path_graph(3).size() == 2
assert not isinstance(finn.builder.passes.step_passes_frontend, type)
assert torch.zeros(2).sum() == 0 and sklearn.base.BaseEstimator() and sympy.Integer(2) + 1 == 3 and len(pandas.DataFrame({"a": [1]})) == 1
"""


@pytest.mark.slow
def test_only_what_a_build_never_uses_has_stand_ins():
    done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    held = set(done.stdout.split())
    fpgadataflow = "finn.transformation.fpgadataflow"
    assert held == {
        "finn.custom_op.fpgadataflow.layernorm", "finn.custom_op.fpgadataflow.hwsoftmax", "finn.qor.estimator",
        f"{fpgadataflow}.multifpga.graph",
        "finn.analysis.fpgadataflow.empirical_qor_estimation", "finn.qor.database", "finn.qor.features", "finn.builder.build_dataflow_steps",
        f"{fpgadataflow}.simulation", f"{fpgadataflow}.simulation_connected",
        "onnx_ir._core", "onnx_ir._symbolic_shapes",
    }


def test_a_stand_in_says_what_it_is():
    with left_out("no_such_package"):
        from no_such_package.inner import Thing

        class Derived(Thing):
            pass

    with pytest.raises(RuntimeError, match="no_such_package.inner.Thing was left out"):
        Thing(1, a=2)
    with pytest.raises(RuntimeError, match="left out"):
        Derived()
    with pytest.raises(ModuleNotFoundError):
        import no_such_package  # noqa: F401


def test_what_is_there_stays():
    import json

    with left_out("json"):
        import json as again

    assert again is json and json.loads("1") == 1
