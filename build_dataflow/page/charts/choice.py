"""What else could have been built, and builds beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from build_dataflow.page.charts.spec import COLOURS, DASHES, SHAPES, Spec, among, chart, label, layer, name, number, tooltip

OTHERS, CHOSEN = "!datum.chosen", "datum.chosen"


def looks_of(field: str, values: Sequence[str]) -> Spec:
    return {"color": name(field, values, COLOURS), "shape": name(field, values, SHAPES), "strokeDash": name(field, values, DASHES)}


def lines(encoding: Spec, *filters: str) -> Spec:
    return layer("line", encoding, OTHERS, *filters, point={"size": 55, "filled": True}, strokeWidth=1.8)


def star(encoding: Spec) -> list[Spec]:
    """What was built: a diamond, and its name."""
    place = {"x": encoding["x"], "y": encoding["y"]}
    named = label({**place, "text": {"value": "this build"}}, CHOSEN, dy=-16, dx=8, align="left", fontWeight=600, fill="var(--fg)")
    return [layer("point", encoding, CHOSEN, shape="diamond", size=260, filled=False, strokeWidth=3, stroke="var(--fg)"), named]


def alternatives(points: Sequence[dict], chosen: dict, styles: dict[str, str]) -> Spec:
    """II against LUT, both logarithmic, a line for each style, and what was built; points: {"style", "ii", "lut", "ff", "latency", "layers"}.
    Parameter: styles, those that are shown."""
    titles = list(dict.fromkeys(styles[point["style"]] for point in points))
    rows = [{**point, "style": styles[point["style"]]} for point in points] + [{**chosen, "chosen": True}]
    axis = {"format": "~s", "tickCount": 6}
    doubling = {"type": "log", "base": 2, "nice": False, "padding": 18}
    axes = {"x": number("ii", "II: cycles from inference to inference", scale=doubling, axis=axis),
            "y": number("lut", "LUT (estimate)", scale={"type": "log", "nice": False, "padding": 22}, axis=axis),
            "tooltip": tooltip(style="style", ii="II (cycles)", lut="LUT|,", ff="FF|,", latency="latency (cycles)", layers="layers")}
    return chart("Alternatives: II against LUT for each style.", rows, 340, {"styles": titles},
                 layer=[lines({**axes, **looks_of("style", titles)}, among("styles", "style")), *star(axes)])


def clocks(points: Sequence[dict], chosen: dict) -> Spec:
    """Latency in ns against LUT at several clocks, a line for each II; the clock stands at each point. Parameter: rates, those shown."""
    titles = list(dict.fromkeys(f"II {point['ii']}" for point in points))
    rows = [{**point, "rate": f"II {point['ii']}", "clock": f"{point['clock_ns']:g}"} for point in points] + [{**chosen, "chosen": True}]
    scale, shown = {"zero": False, "nice": True, "padding": 20}, among("rates", "rate")
    axes = {"x": number("latency_ns", "latency (ns)", scale=scale), "y": number("lut", "LUT (estimate)", scale=scale, axis={"format": "~s"}),
            "tooltip": tooltip(ii="II (cycles)", clock_ns="clock (ns)", lut="LUT|,", ff="FF|,", latency_ns="latency (ns)")}
    text = label({"x": axes["x"], "y": axes["y"], "text": {"field": "clock"}}, OTHERS, shown, dy=-10, fontSize=10, fill="var(--muted)")
    return chart("Alternatives: latency in ns against LUT at several clocks; the clock in ns at each point.", rows, 320, {"rates": titles},
                 layer=[lines({**axes, **looks_of("rate", titles), "order": number("clock_ns")}, shown), text, *star(axes)])


def comparison(rows: Sequence[dict]) -> Spec:
    """Builds as marks: LUTs against a measure. Parameter: against, `accuracy`, `latency_ns`, `ff` or `nonzeros`."""
    names = [row["name"] for row in rows]
    axes = {"x": number("lut", "LUT", scale={"zero": False, "padding": 40}, axis={"format": ",d", "tickCount": 6}),
            "y": number("shown", scale={"zero": False, "padding": 30})}
    looks = {"color": name("name", names, COLOURS), "shape": name("name", names, SHAPES),
             "tooltip": tooltip(name="build", lut="LUT|,", shown="value")}
    text = label({**axes, "text": {"field": "name"}}, dy=-14, fontWeight=600, fill="var(--fg)")
    return chart("Builds side by side: LUTs against what is chosen.", rows, 300, {"against": "accuracy"},
                 transform=[{"calculate": "datum[against]", "as": "shown"}, {"filter": "isValid(datum.shown)"}],
                 layer=[layer("point", {**axes, **looks}, filled=True, size=160), text])
