"""Schedule, shares of the layers, weight masks."""

from __future__ import annotations

from collections.abc import Sequence

from build_dataflow.page.charts.spec import COLOURS, Spec, among, chart, label, layer, name, number, tooltip

SIGNS = ("positive", "negative")


def timeline(works: Sequence[dict], ii: float, frames: int, clock_ns: float) -> Spec:
    """A row for each layer and join, a bar for each frame: the cycles in which it works on it. Parameter: frames, how many are shown."""
    rows = [{"part": work["title"], "frame": frame + 1, "from": work["first"] + frame * ii, "to": work["last"] + 1 + frame * ii,
             "last": work["last"] + frame * ii, "ns": round(work["cycles"] * clock_ns, 3)} for frame in range(frames) for work in works]
    parts, numbers = [work["title"] for work in works], list(range(1, frames + 1))
    scale = {"domain": [0, max(row["to"] for row in rows)], "nice": False}
    axes = {"x": number("from", "cycle", scale=scale, axis={"tickMinStep": 1, "format": "d"}),
            "y": {"field": "part", "type": "nominal", "sort": parts, "title": None, "axis": {"labelLimit": 150}},
            "yOffset": {"field": "frame", "type": "ordinal"}}
    colour = {**name("frame", numbers, COLOURS), "type": "ordinal"}
    told = tooltip(part="part", frame="frame", **{"from": "first cycle"}, last="last cycle", ns="ns")
    bars = layer("bar", {**axes, "x2": {"field": "to"}, "color": colour, "tooltip": told}, cornerRadius=3, height={"band": 0.86})
    text = label({**axes, "text": {"field": "frame"}}, align="left", baseline="top", dx=4, dy=1, fontSize=10, fontWeight=600,
                 fill="var(--on-series)")
    return chart("Pipeline schedule: the cycles in which each layer works on each frame.", rows, 60 + max(30, 13 * frames) * len(works),
                 {"frames": min(4, frames)}, transform=[{"filter": "datum.frame <= frames"}], layer=[bars, text])


def shares(rows: Sequence[dict], measures: Sequence[str], layers: Sequence[str]) -> Spec:
    """A full-width bar for each measure, cut by layer; rows: {"measure", "layer", "value", "unit"}. Parameter: shown, the layers counted."""
    placed = [{**row, "place": layers.index(row["layer"])} for row in rows]
    x = number("value", "share of all layers", stack="normalize", scale={"domain": [0, 1]}, axis={"format": "%", "tickCount": 4})
    axes = {"y": {"field": "measure", "type": "nominal", "sort": list(measures), "title": None, "axis": {"labelLimit": 150}},
            "order": number("place")}
    told = tooltip(measure="of", layer="layer", value="takes|,.6~g", unit="unit", share="share|.1%")
    bars = layer("bar", {**axes, "x": x, "color": name("layer", layers, COLOURS), "tooltip": told}, stroke="var(--bg)", strokeWidth=1.5)
    middle = {**axes, "x": {**x, "bandPosition": 0.5}, "text": {"field": "told"}, "detail": {"field": "layer"}}
    text = label(middle, fontSize=11, fontWeight=600, fill="var(--on-series)")
    total = {"joinaggregate": [{"op": "sum", "field": "value", "as": "total"}], "groupby": ["measure"]}
    return chart("Where latency, LUTs, flip-flops and weights go, by layer.", placed, 50 + 44 * len(measures), {"shown": list(layers)},
                 transform=[{"filter": among("shown", "layer")}, total, {"calculate": "datum.value / datum.total", "as": "share"},
                            {"calculate": "datum.share > 0.07 ? format(datum.value, ',.6~g') : ''", "as": "told"}], layer=[bars, text])


def mask(of: str, cells: Sequence[dict], MW: int, MH: int) -> Spec:  # noqa: N803
    """A mark for each nonzero weight, inputs across, neurons down: squares are positive, circles negative, the stronger the larger the weight.
    Parameter: sign, `both`, `positive` or `negative`."""
    size, axis = max(3.0, min(12.0, 330 / MW)), {"tickMinStep": 1, "format": "d", "grid": False}
    encoding = {
        "x": number("x", "input", scale={"domain": [-0.7, MW - 0.3], "nice": False}, axis=axis),
        "y": number("y", "neuron", scale={"domain": [-0.7, MH - 0.3], "nice": False, "reverse": True}, axis=axis),
        "shape": name("sign", SIGNS, ("square", "circle")),
        "color": name("sign", SIGNS, ("var(--s1)", "var(--s3)")),
        "opacity": number("strength", legend=None, scale={"domain": [0, 1], "range": [0.35, 1]}),
        "tooltip": tooltip(input="input", y="neuron", w="weight"),
    }
    height = max(90, min(420, round(size * MH * 1.15) + 40))
    return chart(f"Nonzero weights of {of}: {len(cells)} of {MW * MH}.", cells, height, {"sign": "both"},
                 transform=[{"filter": "sign == 'both' || datum.sign == sign"}],
                 **layer("point", encoding, filled=True, size=round(size * size * 0.8), aria=False))
