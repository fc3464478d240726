"""The report of the terminal: figures are the summary's."""

import io

from rich.console import Console

from build_dataflow.report import layer_table

LAYERS = [{"name": "a", "style": "folded", "MW": 600, "MH": 300, "nonzeros": 9000, "PE": 4, "SIMD": 12, "idt": "UINT4", "wdt": "INT4", "odt": "UINT4"},
          {"name": "b", "style": "unrolled", "MW": 300, "MH": 5, "nonzeros": 40, "PE": 5, "SIMD": 300, "idt": "UINT4", "wdt": "INT4", "odt": "INT9"}]


def lines(summary: dict) -> list[str]:
    told = io.StringIO()
    Console(file=told, width=80).print(layer_table(summary))
    return told.getvalue().splitlines()


def test_each_layer_has_its_cycles_and_cells():
    summary = {"hardware": {"layers": LAYERS}, "estimate": {"layers": [{"name": "b", "cycles": 1, "lut": 210, "ff": 305, "bram": 0, "dsp": 0},
                                                                       {"name": "a", "cycles": 188, "lut": 1234, "ff": 987, "bram": 2, "dsp": 0}]}}
    head, *rows = lines(summary)
    assert head.split()[-3:] == ["cycles", "~LUT", "~FF"]
    assert [row.split()[0] for row in rows] == ["a", "b"]
    assert rows[0].split()[-3:] == ["188", "1,234", "987"] and rows[1].split()[-3:] == ["1", "210", "305"]


def test_a_summary_of_an_older_version_has_no_estimates():
    assert lines({"hardware": {"layers": LAYERS}})[1].split()[-1] == "UINT4"
