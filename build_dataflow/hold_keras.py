"""A build of a Keras file is held to what Keras answers: the QONNX file that was made of it, and so the hardware, output by output."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from build_dataflow.hold import LEVELS, ORIGINAL
from finn_steps.original.executor import Original
from finn_steps.original.locate import DifferenceError

KERAS = "original.keras"


def hold_to_keras(folder: Path, keras: Path, x: np.ndarray) -> dict:
    """On x, float32 [N, features], and the inputs' levels and corners: every output bit for bit, in front of a softmax at the end. The facts
    for the summary. DifferenceError where one differs."""
    from finn_steps.hgq2.convert import KerasFile

    shutil.copyfile(keras, folder / KERAS)
    file, original = KerasFile(folder / KERAS), Original(folder / ORIGINAL)
    x = np.concatenate([x, np.load(folder / LEVELS, allow_pickle=False)["x"]])
    last = original.file.model.graph.node[-1]
    tensor = last.input[0] if last.op_type == "Softmax" else original.file.output
    expected, found = file.outputs(x), original.tensors(x, [tensor])[tensor]
    wrong = np.argwhere(expected != found)
    if len(wrong):
        sample, output = wrong[0]
        raise DifferenceError(f"{keras.name}: output {output} of sample {sample} is {expected[sample, output]} in Keras, "
                              f"{found[sample, output]} as it was read; {len(np.unique(wrong[:, 0]))} of {len(x)} samples differ")
    return {"sha256": file.sha256, "executor": file.executor, "samples": len(x), "mismatches": 0}
