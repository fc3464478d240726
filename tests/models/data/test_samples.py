"""What a build verifies on may be what nothing could be trained on: images, constant columns, rare classes, no labels."""

import numpy as np
import pandas as pd
import pytest

from models.data import load_dataset
from models.data.samples import load_samples


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=90), "b": rng.integers(0, 9, 90), "kind": np.repeat(["up", "down", "NA"], 30)})


def as_csv(frame, tmp_path):
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_the_test_split_is_the_one_of_training(frame, tmp_path):
    path = as_csv(frame, tmp_path)
    found, trained = load_samples(path, "kind"), load_dataset(path, "kind")
    assert (found.x == trained.test.x).all() and (found.y == trained.test.y).all() and found.classes == trained.classes == ("NA", "down", "up")
    everything = load_samples(path, "kind", all_rows=True)
    assert len(everything.x) == 90 and everything.source.endswith("all rows")


def test_constant_columns_rare_classes_and_no_label(frame, tmp_path):
    frame["flat"], frame.loc[0, "kind"] = 3.0, "once"
    path = as_csv(frame, tmp_path)
    assert load_samples(path, "kind").x.shape[1] == 3
    plain = load_samples(path, drop=("kind",))
    assert plain.y is None and plain.x.shape == (90, 3)
    with pytest.raises(ValueError, match="column 'kind' is not numeric: encode it, or leave it out with --drop kind"):
        load_samples(path)


def test_a_number_as_the_label_is_left_out(frame, tmp_path):
    frame = pd.concat([frame] * 3).assign(energy=np.arange(270) / 7).drop(columns="kind")
    found = load_samples(as_csv(frame, tmp_path), "energy")
    assert found.y is None and found.x.shape[1] == 2


def test_images_become_rows(tmp_path):
    images = np.zeros((40, 5, 4), np.float32)
    images[:, 2, 1] = np.arange(40)
    np.savez(tmp_path / "images.npz", X=images, y=np.arange(40) % 10)
    found = load_samples(tmp_path / "images.npz", all_rows=True)
    assert found.x.shape == (40, 20) and (found.x[:, 9] == np.arange(40)).all() and len(found.classes) == 10


def test_class_names_stay_as_they_are_written(frame, tmp_path):
    frame["kind"] = np.repeat(["010", "9", "1e1"], 30)
    assert set(load_dataset(as_csv(frame, tmp_path), "kind").classes) == {"010", "9", "1e1"}
    frame["kind"] = np.repeat(["10", "9", "2"], 30)
    assert load_dataset(as_csv(frame, tmp_path), "kind").classes == ("2", "9", "10")


@pytest.mark.parametrize("drop, message", [(("c",), r"no column 'c' \(--drop\)"), (("a", "b"), "the only column|no features")])
def test_drop(frame, tmp_path, drop, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(as_csv(frame, tmp_path), "kind", drop)
    assert load_dataset(as_csv(frame, tmp_path), "kind", ("a",)).features == ("b",)
