"""The census of what is proved prints a row for each design whose name has the words."""

from tests.census import designs, main


def test_a_row(capsys):
    assert main(["seed 1,", "pow2", "serial", "--seconds", "20"]) == 0
    *head, row = capsys.readouterr().out.splitlines()
    assert len(head) == 2 and row.startswith("| random 8-6-5-3, pow2, seed 1 | serial | 3 of 3 |") and row.endswith("|  |  |")


def test_all_styles_are_there(tmp_path):
    found = {style for _, style in designs(tmp_path)}
    assert {"unrolled", "bitplane", "serial", "folded", "folded, block RAM", "folded, DSP", "as built", "as built, interface valid"} <= found
