"""Answers for a file of inputs: `python predict.py INPUTS.npy ANSWERS.npz`, in the package's driver/ folder on the board.

INPUTS.npy holds float32 [N, features]; ANSWERS.npz gets `integers` int64 [N, MH] and `outputs` float32, as the model gives them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

if __package__:
    from .driver import Driver
else:
    from driver import Driver


def main(arguments: list | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run a file of inputs through the accelerator of this package.")
    parser.add_argument("inputs", type=Path, help="a .npy file, float32 [N, features]")
    parser.add_argument("answers", type=Path, help="the .npz file to write")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds until a transfer is given up (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        x = np.load(options.inputs, allow_pickle=False)
        with Driver(timeout=options.timeout) as driver:
            integers = driver.run(x)
            np.savez_compressed(options.answers, integers=integers, outputs=driver.network.dequantise(integers))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
