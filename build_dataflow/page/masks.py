"""Weight masks: the marks of a chart, or a picture where there are too many for one."""

from __future__ import annotations

import base64
import io

import numpy as np

from finn_steps.accelerator import SparseLayer

MOST_MARKS = 3_000
"""Nonzero weights of a layer that are drawn as marks with a tooltip each."""
POSITIVE, NEGATIVE = (0, 114, 178), (213, 94, 0)


def cells(layer: SparseLayer, inputs: list[str] | None) -> list[dict]:
    """A row for each nonzero weight; `inputs`: their names, or None for numbers."""
    most, rows, columns = layer.greatest_weight, *np.nonzero(layer.weights)
    return [{"x": x, "y": y, "w": w, "sign": "positive" if w > 0 else "negative", "strength": round(abs(w) / most, 3),
             "input": inputs[x] if inputs else f"input {x}"}
            for y, x, w in zip(rows.tolist(), columns.tolist(), layer.weights[rows, columns].tolist())]


def picture(layer: SparseLayer) -> str:
    """A PNG as a data URI, a pixel for each weight, zeros clear."""
    from PIL import Image

    strength = np.abs(layer.weights) / max(1, layer.greatest_weight)
    pixels = np.zeros((*layer.weights.shape, 4), np.uint8)
    pixels[..., :3] = np.where(layer.weights[..., None] > 0, POSITIVE, NEGATIVE)
    pixels[..., 3] = np.where(layer.weights != 0, 90 + 165 * strength, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def in_words(layer: SparseLayer) -> dict[str, int]:
    """What a reader without the picture needs of it."""
    fan_in = (layer.weights != 0).sum(1)
    return {"positive": int((layer.weights > 0).sum()), "negative": int((layer.weights < 0).sum()), "least": int(fan_in.min()),
            "most": int(fan_in.max()), "unused": int((~layer.weights.any(0)).sum()), "greatest": layer.greatest_weight}
