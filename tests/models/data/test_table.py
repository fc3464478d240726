"""A user's own table: what is read, and the one clear line for what cannot be."""

import numpy as np
import pandas as pd
import pytest

from models.data import load_dataset


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=90), "b": rng.integers(0, 9, 90), "kind": np.repeat(["up", "down", "strange"], 30)})


def as_csv(frame, tmp_path):
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


def test_csv(frame, tmp_path):
    dataset = load_dataset(as_csv(frame, tmp_path), label="kind")
    assert dataset.features == ("a", "b") and dataset.classes == ("down", "strange", "up")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (54, 12, 24)
    assert dataset.train.x.dtype == np.float32 and dataset.train.y.dtype == np.int64
    rows = {(np.float32(a), np.float32(b), kind) for a, b, kind in frame.itertuples(index=False)}
    for part in (dataset.train, dataset.validation, dataset.test):
        assert {(x[0], x[1], dataset.classes[y]) for x, y in zip(part.x, part.y)} <= rows


def test_mean_and_std_are_of_the_training_part(frame, tmp_path):
    dataset = load_dataset(as_csv(frame, tmp_path), label="kind")
    np.testing.assert_allclose(dataset.mean, dataset.train.x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(dataset.std, dataset.train.x.std(axis=0), rtol=1e-6)
    assert dataset.mean.dtype == dataset.std.dtype == np.float32


def test_parquet_equals_csv(frame, tmp_path):
    frame.to_parquet(tmp_path / "table.parquet")
    a, b = load_dataset(tmp_path / "table.parquet", "kind"), load_dataset(as_csv(frame, tmp_path), "kind")
    assert (a.test.x == b.test.x).all() and (a.test.y == b.test.y).all() and a.sha256 != b.sha256


def test_npz_with_names_and_without(frame, tmp_path):
    x = frame[["a", "b"]].to_numpy()
    np.savez(tmp_path / "plain.npz", X=x, kind=frame["kind"].to_numpy(dtype=str))
    plain = load_dataset(tmp_path / "plain.npz", "kind")
    assert plain.features == ("x0", "x1") and plain.classes == ("down", "strange", "up")
    y = np.repeat([2, 0, 1], 30)
    np.savez(tmp_path / "full.npz", X=x, y=y, features=["a", "b"], classes=["down", "strange", "up"], split_seed=1)
    full = load_dataset(str(tmp_path / "full.npz"))
    assert full.features == ("a", "b") and (full.train.y == plain.train.y).all()


def test_integer_labels_of_a_csv(frame, tmp_path):
    frame["kind"] = np.repeat([7, 9, 8], 30)
    assert load_dataset(as_csv(frame, tmp_path), "kind").classes == ("7", "8", "9")


def spoil(frame, how):
    if how == "nan":
        frame.loc[3, "a"] = np.nan
    elif how == "infinite":
        frame.loc[3, "a"] = np.inf
    elif how == "beyond float32":
        frame.loc[3, "a"] = 1e300
    elif how == "constant":
        frame["b"] = 4
    elif how == "one class":
        frame["kind"] = "up"
    elif how == "too few rows":
        frame = frame.iloc[:65]
    elif how == "words":
        frame["b"] = "high"
    elif how == "empty label":
        frame.loc[5, "kind"] = None
    elif how == "label is a measurement":
        frame = pd.concat([frame] * 20).assign(kind=lambda f: np.arange(len(f)))
    elif how == "only the label":
        frame = frame[["kind"]]
    return frame


@pytest.mark.parametrize(
    "how, message",
    [
        ("nan", "column 'a' is missing, infinite or beyond float32 in 1 rows"),
        ("infinite", "column 'a' is missing, infinite"),
        ("beyond float32", "beyond float32 in 1 rows"),
        ("constant", "column 'b' has one value only"),
        ("one class", "every row is of class 'up'"),
        ("too few rows", "5 rows of class 'strange': at least 10"),
        ("words", "column 'b' is not numeric"),
        ("empty label", "'kind' (--label) is empty in 1 rows"),
        ("label is a measurement", "1800 different values"),
        ("only the label", "no features"),
    ],
)
def test_what_cannot_be_used_is_named(frame, tmp_path, how, message):
    path = as_csv(spoil(frame, how), tmp_path)
    with pytest.raises(ValueError) as caught:
        load_dataset(path, label="kind")
    assert message in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data, label, message",
    [
        ("table.csv", None, "--label must name the column of the classes: 'a', 'b', 'kind'"),
        ("table.csv", "knid", "no column 'knid' (--label): 'a', 'b', 'kind'"),
        ("absent.csv", "kind", "no such file"),
        ("table.txt", "kind", "neither 'qapjets' nor 'openml' nor a file that ends in .csv, .parquet, .npz"),
        ("empty.csv", "kind", "not a readable csv table"),
        ("noise.npz", None, "not a readable npz file"),
        ("noise.parquet", "kind", "not a readable parquet table"),
        ("bare.npz", None, "no array 'y'"),
        ("skew.npz", None, "X must be numbers"),
    ],
)
def test_wrong_files_and_names(frame, tmp_path, data, label, message):
    as_csv(frame, tmp_path)
    for name in ("empty.csv", "noise.npz", "noise.parquet"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"no table at all" * 9)
    np.savez(tmp_path / "bare.npz", X=np.zeros((9, 2)))
    np.savez(tmp_path / "skew.npz", X=np.zeros((9, 2)), y=np.zeros(8, int))
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load_dataset(tmp_path / data, label)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_named_set_takes_no_label():
    with pytest.raises(ValueError, match="knows its classes"):
        load_dataset("qapjets", label="y")
