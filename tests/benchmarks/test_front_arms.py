"""The arms of the front write what they say: every wanted size, named by its nonzero weights."""

from functools import partial

import pytest

from finn_steps.importer.lower import import_model
from models.drivers import together
from tests.benchmarks.front_arms import LADDERS, SIZES, cut, kept, sampled
from tests.models.synthetic import TINY, synthetic_tensors

QUICK = TINY.with_fields(epochs=1, dense_epochs=1, final_epochs=1, batch_norm="folded", weight_bits=6)


@pytest.mark.parametrize("fields, wanted", [
    (dict(saliency="magnitude", granularity="digits"), (0.3, 0.14)),
    (dict(method="dpp"), [{"keep": (3, 2, 2)}, {"keep": (5, 3, 3), "neurons": (6, 4)}]),
])
def test_an_arm_writes_its_sizes(tmp_path, capsys, fields, wanted):
    config, tensors = QUICK.with_fields(remaining=(0.5, 0.3, 0.14), **fields), synthetic_tensors()
    keep = partial(kept, "arm 1", tmp_path, tensors.test.x[:5])
    together(list(sampled(config, wanted, tensors, keep)) if config.method == "dpp" else [cut(config, wanted, tensors, keep)])
    told, files = capsys.readouterr().out.splitlines(), list(tmp_path.glob("*.onnx"))
    assert len(files) == 2 == len(told)
    for path in files:
        nonzeros = sum(layer.nonzeros for layer in import_model(path).accelerator.layers)
        assert path.stem == str(nonzeros) and any(line.startswith(f"arm 1: {nonzeros} nonzeros") for line in told)


def test_every_arm_has_four_or_five_sizes():
    for fields, wanted in LADDERS.values():
        assert len(wanted) == 5 and set(wanted) <= set(TINY.with_fields(hidden=(64, 32, 32), **fields).remaining)
    assert all(len(sizes) == 4 for _, sizes in SIZES.values())
