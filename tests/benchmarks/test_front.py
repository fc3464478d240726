"""The table of accuracy against LUT: what its rows are, and that lines, fits and picture are those of the rows."""

import click
import numpy as np
import pytest

from models.data import load_dataset
from tests.benchmarks import front
from tests.benchmarks.front_fit import Line, lines, luts_at
from tests.nets import random_accelerator

ROW = dict.fromkeys(front.COLUMNS, "") | {"seed": "1"}


def test_every_row_is_read_as_it_was_written(tmp_path, monkeypatch):
    rows = front.read()
    monkeypatch.setattr(front, "TABLE", tmp_path / "front.csv")
    front.write(rows)
    assert front.read() == rows and all((row["lut"] or row["alkaid_lut"]) and row["test"] for row in rows)


def test_a_line_has_every_point_of_its_arm_and_hardware_by_size():
    rows = [ROW | {"arm": "a", "lut": "900", "test": "0.72", "alkaid_lut": "1000"},
            ROW | {"arm": "a", "lut": "500", "test": "0.71", "seed": "2"},
            ROW | {"arm": "b", "lut": "600", "test": "0.7"}]
    found = {line.name: (line.luts.tolist(), line.accuracies.tolist(), line.groups) for line in lines(rows)}
    assert found == {"a, our generator": ([500.0, 900.0], [0.71, 0.72], ("2", "1")), "a, alkaid": ([1000.0], [0.72], ("1",)),
                     "b, our generator": ([600.0], [0.7], ("1",))}


def law(luts: np.ndarray) -> np.ndarray:
    return 0.73 - 0.02 * (np.asarray(luts) / 300) ** -0.8


def saturating(accuracy: float) -> float:
    """The inverse of `law`."""
    return 300 * ((0.73 - accuracy) / 0.02) ** (-1 / 0.8)


def test_luts_at_an_accuracy_are_where_the_curve_has_it():
    luts = np.geomspace(300, 3000, 8)
    (found, error), outside, below = luts_at(Line("a", "alkaid", luts, law(luts), ("1",) * 8), (0.715, 0.7285, 0.705))
    assert found == pytest.approx(saturating(0.715), rel=1e-3) and error == pytest.approx(0, abs=0.1) and outside is None and below is None
    assert luts_at(Line("b", "alkaid", luts[:3], law(luts[:3]), ("1",) * 3), (0.712,)) == [None]


def test_the_error_of_seeds_is_that_of_their_mean():
    """Three seeds that differ by a constant: their standard deviation over the root of three, whatever networks each has."""
    luts, shifts = [np.geomspace(low, 3000, count) for low, count in ((300, 6), (200, 9), (400, 7))], np.array([-0.002, 0.0, 0.004])
    accuracies, groups = [law(each) + shift for each, shift in zip(luts, shifts)], [s for s, each in zip("123", luts) for _ in each]
    line = Line("a", "alkaid", np.concatenate(luts), np.concatenate(accuracies), tuple(groups))
    at = np.array([500.0, 1000.0])
    middle, error = line.curve(at)
    assert middle == pytest.approx(law(at) + shifts.mean(), abs=1e-6)
    assert error == pytest.approx([shifts.std(ddof=1) / np.sqrt(3)] * 2, abs=1e-6) and line.reach == (400, 3000)


def test_a_single_seed_has_the_error_that_its_noise_makes():
    """The jackknife's error beside the spread of 60 lines with fresh noise."""
    rng, luts, at = np.random.default_rng(0), np.geomspace(300, 3000, 12), np.array([600.0, 1200.0])
    found = [Line("a", "alkaid", luts, law(luts) + rng.normal(0, 0.001, 12), ("1",) * 12).curve(at) for _ in range(60)]
    spread = np.std([middle for middle, _ in found], axis=0)
    assert np.all(np.abs(np.mean([error for _, error in found], axis=0) / spread - 1) < 0.4)


def test_the_table_holds_each_line_against_the_peer():
    rows = [ROW | {"arm": arm, "lut": str(lut), "alkaid_lut": str(2 * lut), "test": str(law(lut))} for arm in ("HGQ2", "ours")
            for lut in np.geomspace(300, 3000, 8)]
    told = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in front.table(lines(rows)).splitlines()}
    at = saturating(0.715)
    assert told["HGQ2, alkaid"][2] == f"{2 * at:,.0f} ± 0 (1.00)" and told["ours, our generator"][2] == f"{at:,.0f} ± 0 (0.50 ± 0.00)"


def test_the_page_has_the_tables_of_the_rows():
    page, rows = front.PAGE.read_text(), front.read()
    assert front.with_tables(page, (front.table(lines(rows)), front.singles(lines(rows), rows))) == page


def test_a_table_takes_the_place_of_its_old_one_alone():
    page = "a\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\n| x | z |\n| 3 | 4 |\n"
    assert front.with_tables(page, ("| x | y | w |\n| 5 |\n",)) == "a\n\n| x | y | w |\n| 5 |\n\n| x | z |\n| 3 | 4 |\n"
    with pytest.raises(click.ClickException, match="0 tables begin with"):
        front.with_tables(page, ("| q | r |\n",))


def test_accuracy_is_that_of_the_integers():
    accelerator, part = random_accelerator(), load_dataset().validation
    x = accelerator.quantise(part.x[:200])
    right = sum(int(accelerator.dequantise(accelerator.execute(row[None])).argmax() == label) for row, label in zip(x, part.y))
    assert front.accuracy(accelerator, part.x[:200], part.y[:200]) == right / 200


def test_integers_that_answer_otherwise_than_keras_are_told(monkeypatch, tmp_path):
    accelerator, x = random_accelerator(), load_dataset().validation.x[:50]
    kept = np.asarray(front.answers(accelerator, x), np.float32)

    class Keras:
        def __init__(self, path):
            self.outputs = lambda x: kept

    monkeypatch.setattr(front, "KerasFile", Keras)
    front.check_answers(tmp_path, accelerator, x)
    kept[7, 1] += 1
    with pytest.raises(click.ClickException, match="of 50 frames the integers answer 1 otherwise"):
        front.check_answers(tmp_path, accelerator, x)


def test_a_network_of_hgq2_is_named_by_its_ebops(tmp_path):
    assert front.name_of(tmp_path / "epoch=2882_val_accuracy=0.7133_ebops=1016.keras") == "EBOPs 1016"
    assert front.name_of(tmp_path / "jet_qap" / "model.onnx") == "jet_qap" and front.name_of(tmp_path / "a.onnx") == "a"
