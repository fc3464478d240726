"""docs/results.md says what the committed studies' tables say."""

from pathlib import Path

import pandas as pd
import pytest

from models.catalogue import study_yaml
from models.study.description import read_study
from models.study.summary import difference, level_table, results_tables

DOCS = Path(__file__).resolve().parents[3] / "docs"
STUDY = "qap"
TABLE = pd.read_csv(DOCS / "results" / f"{STUDY}.csv")


@pytest.mark.parametrize("name, table", results_tables(TABLE).items())
def test_every_table_is_on_the_page(name, table):
    page = (DOCS / "results.md").read_text()
    assert page.count(table) == 1, f"table '{name}' of docs/results.md is not that of docs/results/{STUDY}.csv:\n{table}"


def test_the_table_is_of_the_committed_study():
    runs = read_study(study_yaml(STUDY)).runs
    trained = {(run.arm, run.config.seed, run.config.fold) for run in runs}
    known = set(zip(TABLE.arm, TABLE.seed, TABLE.fold))
    assert {net for net in known if "search" not in net[0]} == trained


def test_every_picture_is_there():
    text = (DOCS / "results.md").read_text()
    pictures = {path.name for path in (DOCS / "results").glob("*.png")}
    assert pictures and all(f"(results/{name})" in text for name in pictures)


def test_level_table_by_hand():
    table = pd.DataFrame({"arm": ["a", "a", "b"], "kept": [20, 20, 9], "weights": [100] * 3, "accuracy": [0.5, 0.7, 0.25]})
    assert level_table(table, ["a", "b"], "accuracy", (0.2, 0.09)) == (
        "| arm | 20.0% | 9.0% |\n|---|---|---|\n| a | 0.6000 ± 0.1000 | – |\n| b | – | 0.2500 |")


def test_difference_by_hand():
    rows = [("a", 1, 0.5), ("a", 2, 0.7), ("a", 3, 0.9), ("b", 2, 0.6), ("b", 1, 0.6)]
    same = {"fold": 0, "kept": 20, "weights": 100}
    table = pd.DataFrame([{"arm": arm, "seed": seed, "accuracy": value, **same} for arm, seed, value in rows])
    assert difference(table, ("a", 0.2), ("b", 0.2), "accuracy") == "+0.0000 ± 0.1000"
    with pytest.raises(ValueError, match="no repeat in common"):
        difference(table, ("a", 0.2), ("b", 0.5), "accuracy")
