"""`Original`: what the user's own file answers, of any of its tensors, for any number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.original.runners import runner_of
from finn_steps.original.sessions import essence
from finn_steps.original.user_file import UserFile

PROBES = 4
CHUNK, CHUNK_ELEMENTS = 8192, 2**23
"""Most samples in a batch, and most elements of all its tensors together."""
BUDGET = 10**10
"""Of work for `affordable`, in units of about a nanosecond: see `Original.work`."""


class Original:
    """The file at `path` in onnxruntime (all optimisations off) or, where it has QONNX or FINN operators, as qonnx executes it.

    .sha256, .executor, .features, .input_shape, .file (a UserFile)
    .outputs(x)        the first output, [N, outputs], of x float32 [N, features]; values as the file's type has them
    .tensors(x, names) {name: [N, elements of a sample]} of the input and any tensors that depend on it
    .all_tensors(x)    the same for all of them, in file order
    .batched           whether many samples are run at once
    Nodes and constants are as in the file. What it declares about shapes and types of other tensors than the input is left out, a
    fixed batch is opened (in constant shapes of Reshape nodes too) where the samples of a batch come out as they do one by one (bit
    for bit, or else within float rounding: a sum's order is onnxruntime's to choose), and a newer IR version than onnxruntime reads is
    not looked at where the operators are of a version that it has. All this is checked on PROBES samples against the file untouched. ValueError, naming the node, where no
    executor runs it. `name` is what messages call the file.
    """

    def __init__(self, path: Path | str, name: str | None = None):
        self.file = UserFile(path, name)
        self._runner = self._find_runner()
        self.sha256, self.executor = self.file.sha256, self._runner.executor
        self.features, self.input_shape = self.file.features, self.file.input_shape
        self._check()

    def _find_runner(self):
        try:
            return runner_of(self.file)
        except (ValueError, OSError):
            raise
        except Exception as error:  # what qonnx' and onnx' own readers raise has no common class
            raise ValueError(f"{self.file.name} cannot be read by the executor of its operators: {essence(error)}") from error

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return self.tensors(x, [self.file.output])[self.file.output]

    def tensors(self, x: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        own = self.file.input.name
        for name in names:
            if name not in (own, *self.file.dependent_tensors):
                raise ValueError(f"{self.file.name} has no tensor {name} that depends on its input")
        values, computed = self.file.cast(x), [name for name in names if name != own]
        group = self._group if not self.batched else self.chunk
        parts = [self._run(values[start : start + group], computed) for start in range(0, max(1, len(values)), group)]
        found = {name: np.concatenate([part[name] for part in parts]) for name in computed}
        return {name: found[name] if name != own else values.reshape(len(values), -1) for name in names}

    def all_tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self.tensors(x, self.file.dependent_tensors)

    def random_inputs(self, samples: int, seed: int) -> np.ndarray:
        """float32 [samples, features] that the input takes: near zero, far from it, or over all of an integer type."""
        rng = np.random.default_rng(seed)
        shape = (samples, self.features)
        if self.file.input_datatype is None:
            return self.file.representable(rng.normal(0, 1, shape) * 10.0 ** rng.uniform(-1, 2, (samples, 1)))
        low, high = (int(f()) for f in (DataType[self.file.input_datatype].min, DataType[self.file.input_datatype].max))
        return self.file.representable(rng.integers(low, high, shape, endpoint=True))

    def affordable(self, samples: int, budget: float = BUDGET) -> int:
        """How many of so many samples are within the budget; all of them, or a whole number of groups."""
        return min(samples, max(1, int(budget / self.work)))

    @property
    def work(self) -> float:
        """Of one sample: a unit for a product, 25 for an element of any tensor, and 100,000 for each part of a run that is its own. Counted,
        not measured; a unit is about a nanosecond of one core."""
        constants = sum(int(np.prod(t.dims)) for t in self.file.model.graph.initializer if len(t.dims) > 1)
        per_run = 0 if self.batched else 1e5 * self._runner.parts + (4 * constants if self.executor == "onnxruntime" else 0)
        return constants + 25 * self._elements + per_run / self._group

    @property
    def chunk(self) -> int:
        """Samples in a batch."""
        return max(1, min(CHUNK, CHUNK_ELEMENTS // max(1, self._elements)))

    @property
    def _group(self) -> int:
        """Samples in a run of the file as it is declared."""
        return self.file.batch or 1

    def _check(self) -> None:
        x = self.random_inputs(PROBES, 0)
        names = self.file.dependent_tensors
        self.batched = False
        singly = self.tensors(x, names)
        self._elements = sum(values.shape[1] for values in singly.values())
        self._check_untouched(x[: self._group], singly[self.file.output])
        try:
            self.batched = True
            together = self.tensors(x, names)
            self.batched = all(within_rounding(singly[name], together[name]) for name in names)
        except Exception:
            self.batched = False

    def _check_untouched(self, x: np.ndarray, expected: np.ndarray) -> None:
        untouched = self._runner.untouched(_padded(self.file.cast(x), self._group))
        if untouched is not None and not within_rounding(self._rows(self.file.output, untouched, len(x)), expected[: len(x)]):
            raise ValueError(f"{self.file.maker(self.file.output)} answers otherwise where {self.executor} runs "
                             f"{self.file.name} as a whole")

    def _run(self, values: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        count = len(values)
        fed = values if self.batched else _padded(values, self._group)
        try:
            found = self._runner.run(fed, names, self.file.opened_shapes if self.batched else {})
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{self.file.name} cannot be run by {self.executor}: {essence(error)}") from error
        return {name: self._rows(name, array, len(fed))[:count] for name, array in found.items()}

    def _rows(self, name: str, array: np.ndarray, samples: int) -> np.ndarray:
        array = np.asarray(array)
        if samples != 1 and (not array.ndim or array.shape[0] != samples):
            raise ValueError(f"{self.file.maker(name)} gives {name} of shape {list(array.shape)} for {samples} samples; supported: the "
                             "batch first")
        return array.reshape(samples, -1)


def within_rounding(expected: np.ndarray, got: np.ndarray) -> bool:
    """Whether two runs of the same nodes differ by no more than the order of float sums explains: 2^-16 of a sample's greatest value."""
    if expected.shape != got.shape:
        return False
    if np.array_equal(expected, got, equal_nan=expected.dtype.kind == "f"):
        return True
    if expected.dtype.kind != "f":
        return False
    finite = np.where(np.isfinite(expected), expected, 0).astype(np.float64)
    size = np.abs(finite).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        close = np.abs(expected.astype(np.float64) - got) <= 2.0**-16 * size
    return bool(np.all(close | (expected == got) | (np.isnan(expected) & np.isnan(got))))


def _padded(values: np.ndarray, group: int) -> np.ndarray:
    missing = -len(values) % group if len(values) else group
    return values if not missing else np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
