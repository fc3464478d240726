"""docs/results.md says what the committed studies' tables say."""

from pathlib import Path

import pandas as pd
import pytest

from models.study.summary import level_table, page_tables

DOCS = Path(__file__).resolve().parents[3] / "docs"


def committed() -> dict[str, str]:
    return page_tables(pd.read_csv(DOCS / "results" / "qap.csv"))


@pytest.mark.parametrize("name, table", committed().items())
def test_every_table_is_on_the_page(name, table):
    page = (DOCS / "results.md").read_text()
    assert table in page, f"table '{name}' of docs/results.md is not that of docs/results/qap.csv:\n{table}"


def test_every_picture_is_there():
    text = (DOCS / "results.md").read_text()
    pictures = {path.name for path in (DOCS / "results").glob("*.png")}
    assert pictures and all(f"(results/{name})" in text for name in pictures)


def test_level_table_by_hand():
    table = pd.DataFrame({"arm": ["a", "a", "b"], "kept": [20, 20, 9], "weights": [100] * 3, "accuracy": [0.5, 0.7, 0.25]})
    assert level_table(table, ["a", "b"], "accuracy", (0.2, 0.09)) == (
        "| arm | 20.0% | 9.0% |\n|---|---|---|\n| a | 0.6000 ± 0.1000 | – |\n| b | – | 0.2500 |")
