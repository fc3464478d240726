"""ROC and confusion."""

from __future__ import annotations

import json
from collections.abc import Sequence

from build_dataflow.page.charts.spec import COLOURS, DASHES, Spec, among, chart, label, layer, name, number, tooltip

MOST_CLASSES = 30
"""Of a confusion matrix that is drawn."""
LEAST = 1e-3
"""The logarithmic axis ends here where no curve has a background."""


def roc(curves: Sequence[dict], grid: Sequence[float], classes: Sequence[str], what: str, band: str | None = None) -> Spec:
    """Background efficiency (logarithmic) against signal efficiency; curves: {"series": title, "roc": {class: …}}; that of `band` is drawn wide
    and pale, since another may lie on it. Parameters: signal, a class; series, the titles that are shown."""
    titles = [curve["series"] for curve in curves]
    rows = [{"series": curve["series"], "class": of, "s": s, "b": b}
            for curve in curves for of, one in curve["roc"].items() for s, b in zip(grid, one["background_efficiency"]) if b > 0]
    least = min((row["b"] for row in rows), default=LEAST)
    looks = {"x": number("s", "signal efficiency", scale={"domain": [0, 1]}, axis={"tickCount": 10}),
             "y": number("b", "background efficiency", scale={"type": "log", "domain": [least, 1], "nice": False},
                         axis={"format": "~g", "tickCount": 6}),
             "color": name("series", titles, COLOURS)}
    under = layer("line", looks, f"datum.series == {json.dumps(band)}", strokeWidth=9, opacity=0.35, clip=True)
    dashed = {**looks, "strokeDash": name("series", titles, DASHES)}
    line = layer("line", dashed, f"datum.series != {json.dumps(band)}", strokeWidth=2.2, clip=True)
    told = tooltip(series=what, s="signal efficiency|.1%", b="background efficiency|.3~%")
    hovered = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    points = layer("point", {**looks, "tooltip": told, "opacity": hovered}, filled=True, size=70, aria=False, clip=True)
    points["params"] = [{"name": "near", "select": {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout",
                                                    "fields": ["s", "series"]}}]
    return chart(f"ROC: background efficiency against signal efficiency of {', '.join(titles)}.", rows, 380,
                 {"signal": classes[0], "series": titles},
                 transform=[{"filter": "datum.class == signal"}, {"filter": among("series", "series")}],
                 layer=[*([under] if band in titles else []), line, points])


def confusion(nets: Sequence[dict], classes: Sequence[str]) -> Spec:
    """A cell for each true and answered class. Parameters: net, a title; shares, whether cells tell shares of their row instead of counts."""
    rows = [{"net": net["title"], "truth": classes[i], "answer": classes[j], "n": count, "p": count / max(1, sum(row))}
            for net in nets for i, row in enumerate(net["confusion"]) for j, count in enumerate(row)]
    kind = {"type": "nominal", "sort": list(classes)}
    axes = {"x": {"field": "answer", **kind, "title": "answered", "axis": {"orient": "top", "labelAngle": 0}},
            "y": {"field": "truth", **kind, "title": "true class"}}
    told = tooltip(net="network", truth="true class", answer="answered", n="samples|,", p="of the true class|.2%")
    shade = number("p", legend=None, scale={"domain": [0, 1], "range": [0.04, 0.75]})
    cells = layer("rect", {**axes, "opacity": shade, "tooltip": told}, fill="var(--s1)", cornerRadius=2)
    text = label({**axes, "text": {"field": "told"}}, fill="var(--fg)", fontSize=12)
    counted = "shares ? format(datum.p, '.1%') : format(datum.n, ',')"
    return chart(f"Confusion matrix of {', '.join(net['title'] for net in nets)}.", rows, max(220, 42 * len(classes)),
                 {"net": nets[-1]["title"], "shares": True},
                 transform=[{"filter": "datum.net == net"}, {"calculate": counted, "as": "told"}], layer=[cells, text],
                 config={"axis": {"grid": False, "domain": False, "ticks": False}})
