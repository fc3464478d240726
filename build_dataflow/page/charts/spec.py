"""What charts have in common: the frame of a specification, channels, looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SERIES = ("--s1", "--s2", "--s3", "--s4", "--s5", "--s6")
DASHES = ([6, 4], [2, 3], [1, 0], [10, 3, 2, 3], [4, 2], [8, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def chart(description: str, rows: Sequence[dict], height: int, parameters: dict[str, Any], **parts) -> Spec:
    """A whole specification over `rows`, as wide as its place; `parameters` are what the page's controls set, with their first values."""
    return {"$schema": SCHEMA, "description": description, "width": "container", "height": height,
            "autosize": {"type": "fit", "contains": "padding"}, "data": {"values": list(rows)},
            "params": [{"name": name, "value": value} for name, value in parameters.items()], **parts}


def layer(mark: str, encoding: Spec, *filters: str, **looks) -> Spec:
    """One layer of marks over the rows for which all `filters` hold."""
    kept = {"transform": [{"filter": one} for one in filters]} if filters else {}
    return {**kept, "mark": {"type": mark, **looks}, "encoding": encoding}


def label(encoding: Spec, *filters: str, **looks) -> Spec:
    """Text beside marks; no reader needs it twice."""
    return layer("text", encoding, *filters, aria=False, **looks)


def number(field: str, title: str | None = None, **more) -> Spec:
    """A channel of a quantity."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def name(field: str, values: Sequence[str], looks: Sequence[Any]) -> Spec:
    """A channel of a name with a look for each of its values, beginning again where there are more; its legend is the page's own."""
    scale = {"domain": list(values), "range": [looks[place % len(looks)] for place in range(len(values))]}
    return {"field": field, "type": "nominal", "scale": scale, "sort": list(values), "legend": None}


def tooltip(**fields: str) -> list[Spec]:
    """field="title" or field="title|format"."""
    parts = {field: text.split("|") for field, text in fields.items()}
    return [{"field": field, "title": title, **({"format": form[0]} if form else {})} for field, (title, *form) in parts.items()]


def among(parameter: str, field: str) -> str:
    return f"indexof({parameter}, datum.{field}) >= 0"


COLOURS = [f"var({name})" for name in SERIES]
