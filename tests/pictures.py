"""The pictures of docs/idea.md: `python -m tests.pictures` draws docs/pictures/*.svg, the weights among them out of models/jet_qap."""

from __future__ import annotations

from html import escape
from pathlib import Path

from build_dataflow.configuration import ROOT
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model

FOLDER = ROOT / "docs" / "pictures"
STYLE = """svg{font:13px system-ui,sans-serif;background:#fff}text{fill:#1b2733}.small{font-size:11px;fill:#5a6b7b}.title{font-weight:600}
.middle{text-anchor:middle}.box{fill:#eef3f8;stroke:#4a6b8a}.check{fill:#eaf6ee;stroke:#3d8a57}
.way{stroke:#6b7f92;fill:none;stroke-width:1.5;marker-end:url(#tip)}.held{stroke:#3d8a57;fill:none;stroke-dasharray:4 3}.tip{fill:#6b7f92}
.zero{fill:#e6ebf0}.plus{fill:#2f6fb3}.minus{fill:#c8622d}
@media(prefers-color-scheme:dark){svg{background:#14191f}text{fill:#e6edf3}.small{fill:#9fb0c0}.box{fill:#22303d;stroke:#8fb3d4}
.check{fill:#1b3325;stroke:#6fc28b}.way{stroke:#9fb0c0}.held{stroke:#6fc28b}.tip{fill:#9fb0c0}
.zero{fill:#222b34}.plus{fill:#6aa9ea}.minus{fill:#f0955f}}"""
TIP = ('<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
       '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>')


def svg(title: str, wide: int, tall: int, *body: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" role="img"><title>{escape(title)}</title>'
            f"<style>{STYLE}</style>{TIP}{''.join(body)}</svg>\n")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def box(x: int, y: int, wide: int, tall: int, lines: list[str], kind: str = "box") -> str:
    """A box with a title and smaller lines, centred."""
    first = y + tall / 2 - 8 * (len(lines) - 1) + 5
    words = [text(x + wide / 2, first + 17 * at, words, "middle small" if at else "middle title") for at, words in enumerate(lines)]
    return f'<rect x="{x}" y="{y}" width="{wide}" height="{tall}" rx="8" class="{kind}"/>' + "".join(words)


def line(kind: str, *points: tuple[int, int]) -> str:
    return f'<path class="{kind}" d="M{"L".join(f"{x} {y}" for x, y in points)}"/>'


STAGES = [["Your file", "QONNX, QCDQ, QDQ, Keras", "quantised, pruned"], ["Integers", "weights and thresholds", "accelerator.json"],
          ["SystemVerilog", "one core", "a style for each layer"], ["Package", "core, driver, shell", "deploy/"]]
CHECKS = [["The file itself is run", "on the data, on both sides", "of every step of every input"],
          ["Proof", "exact arithmetic, from the file;", "from the Verilog, for every input"],
          ["Simulation", "core and driver, against the file:", "gaps, stalls, resets"]]


def way() -> str:
    """From the file to the package, and what holds each step to the file."""
    boxes = [box(16 + 250 * at, 20, 200, 72, lines) for at, lines in enumerate(STAGES)]
    arrows = [line("way", (216 + 250 * at, 56), (264 + 250 * at, 56)) for at in range(3)]
    checks = [box(16 + 250 * at + 125, 140, 200, 72, lines, "check") for at, lines in enumerate(CHECKS)]
    sides = [line("held", (left + 250 * at, 92), (onto + 250 * at, 140)) for at in range(3) for left, onto in ((116, 180), (366, 300))]
    return svg("From your file to hardware: what is made, and what holds it to the file", 982, 232, *boxes, *arrows, *checks, *sides)


def network() -> Accelerator:
    """jet_qap as its file has it, dead neurons and all, and as it is built."""
    return import_model(ROOT / "models" / "jet_qap" / "model.onnx").accelerator


def mask(weights, x: int, y: int, cell: int = 5) -> str:
    """A square for each weight: blue above zero, orange below, grey for zero; rows are neurons."""
    def squares(kind, chosen):
        places = "".join(f"M{cell * column} {cell * row}h{cell - 1}v{cell - 1}h-{cell - 1}z" for row, column in zip(*chosen.nonzero()))
        return f'<path class="{kind}" d="{places}"/>'

    rows, columns = weights.shape
    grey = "".join(f"M0 {cell * row}h{cell * columns}v{cell - 1}h-{cell * columns}z" for row in range(rows))
    return f'<g transform="translate({x} {y})"><path class="zero" d="{grey}"/>{squares("plus", weights > 0)}{squares("minus", weights < 0)}</g>'


def zeros() -> str:
    """The weights of jet_qap, layer by layer, before and after what nothing reads is gone."""
    given = network()
    built, body, tallest = simplify(given).accelerator, [], 0
    for row, (net, says) in enumerate(((given, "in the file"), (built, "as built: rows and columns that cannot matter are gone"))):
        y, x = 44 + row * (tallest + 66), 16
        count, nonzero = sum(layer.weights.size for layer in net.layers), sum(layer.nonzeros for layer in net.layers)
        body.append(text(16, y - 24, f"{says}: {nonzero:,} of {count:,} weights are not zero", "title"))
        for layer in net.layers:
            body += [mask(layer.weights, x, y), text(x, y - 6, f"{layer.MW} to {layer.MH}", "small")]
            x += 5 * layer.MW + 40
        tallest = max(tallest, *(5 * layer.MH for layer in net.layers))
    tall = 44 + tallest + 66 + 5 * max(layer.MH for layer in built.layers) + 12
    wide = 5 * sum(layer.MW for layer in given.layers) + 200
    return svg("The weights of jet_qap: each square is one, a zero costs nothing", wide, tall, *body)


STYLES = [("unrolled", ["all bits"], "II 1", "all bits of all inputs at once: constants wired into adders and tables"),
          ("bitplane", ["bits 1:0", "bits 3:2"], "II 2", "two bits of every input in a cycle (digits 2)"),
          ("serial", ["bit 0", "bit 1", "bit 2", "bit 3"], "II 4", "one bit of every input in a cycle"),
          ("folded", ["x2, x5", "x9, x11", "x12, x15"], "II 3", "PE 1 x SIMD 2: two of its six nonzero weights in a cycle")]


def styles() -> str:
    """What each style does in each cycle, for one neuron with six weights that are not zero and inputs of four bits."""
    body = [text(110 + 120 * cycle, 24, f"cycle {cycle}", "small") for cycle in range(4)]
    for row, (name, cells, interval, says) in enumerate(STYLES):
        y = 36 + 68 * row
        body += [text(16, y + 24, name, "title"), text(16, y + 54, says, "small"), text(606, y + 24, interval, "title")]
        body += [box(104 + 120 * at, y, 114, 38, [cell]) for at, cell in enumerate(cells)]
    return svg("What the four styles do in each cycle", 670, 36 + 68 * len(STYLES), *body)


PICTURES = {"way.svg": way, "zeros.svg": zeros, "styles.svg": styles}


def path_of(name: str) -> Path:
    return FOLDER / name


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        path_of(name).write_text(picture())
        print(f"wrote {path_of(name).relative_to(ROOT)}")
