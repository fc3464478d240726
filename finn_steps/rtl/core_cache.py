"""Generated cores, kept on disk by what decides them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.core import Core
from finn_steps.tools.cache import cache_folder, cached, content_key


def kept_core(generator: Callable[..., Core], layers: Sequence[SparseLayer], module: str, *arrays: np.ndarray) -> Core:
    """What generator(layers, module, *arrays) gives."""

    def make(workplace: Path) -> None:
        (workplace / "core.json").write_text(json.dumps(asdict(generator(layers, module, *arrays))))

    parts = [part for layer in layers for part in _content(layer)] + [array.tobytes() for array in arrays]
    key = content_key(sources(), generator.__name__, module, *parts)
    return Core(**json.loads((cached(cache_folder("cores"), key, make) / "core.json").read_text()))


def _content(layer: SparseLayer) -> list[str | bytes]:
    arrays = [layer.weights, layer.bias, *(array for array in (layer.thresholds, layer.input_range) if array is not None)]
    told = [layer.name, layer.idt, layer.odt, str(vars(layer.folding))]
    return told + [part for array in arrays for part in (str(array.shape), array.tobytes())]


@lru_cache(maxsize=1)
def sources() -> bytes:
    """The generators."""
    here = Path(__file__).parent
    return b"".join(path.read_bytes() for path in (*sorted(here.glob("*.py")), *sorted(here.glob("*.cpp"))))
