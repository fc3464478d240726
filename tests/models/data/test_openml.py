"""The published set through scikit-learn's real client, against a server that answers as OpenML does."""

import io

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from models.data.generator.names import CLASSES, FEATURES
from models.data.openml import load_openml
from tests.models.data.openml_server import Server, arff, openml

ROWS = 200


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch):
    with openml(Server(arff(ROWS)), monkeypatch) as running:
        yield running


def files(cache):
    return sorted(path.name for path in cache.rglob("*"))


def test_download_split_and_cache(cache, server):
    dataset = load_openml(rows=ROWS)
    assert dataset.features == FEATURES and dataset.classes == CLASSES and dataset.name == "openml"
    assert files(cache) == ["openml-42468.npz", "openml-42468.sha256"]
    table = np.loadtxt(io.BytesIO(server.body.split(b"@DATA\n")[1]), delimiter=",", dtype=str)
    x, y = table[:, :-1].astype(np.float32), np.searchsorted(CLASSES, table[:, -1])
    rest, test = train_test_split(np.arange(ROWS), test_size=0.2, random_state=42)
    assert (dataset.test.x == x[test]).all() and (dataset.test.y == y[test]).all()
    both = np.concatenate([dataset.train.x, dataset.validation.x])
    assert len(dataset.train) == 128 and sorted(map(tuple, both)) == sorted(map(tuple, x[rest]))
    asked = len(server.requests)
    again = load_openml(rows=ROWS)
    assert len(server.requests) == asked and (again.test.x == dataset.test.x).all() and again.sha256 == dataset.sha256


def test_a_changed_cache_is_refused(cache, server):
    load_openml(rows=ROWS)
    file = cache / "openml-42468.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="has changed since it was downloaded: delete it"):
        load_openml(rows=ROWS)
    file.unlink()
    assert len(load_openml(rows=ROWS).test) == ROWS // 5


def test_another_set_behind_the_same_number_is_refused(cache, server):
    load_openml(rows=ROWS)
    (cache / "openml-42468.npz").unlink()
    server.body = arff(ROWS, seed=1)
    with pytest.raises(ValueError, match="no longer the set that was first downloaded"):
        load_openml(rows=ROWS)
    assert files(cache) == ["openml-42468.sha256"]


def test_half_a_download_leaves_nothing(cache, server):
    server.cut = len(server.body) // 2
    with pytest.raises(RuntimeError, match="damaged or cut short") as caught:
        load_openml(rows=ROWS)
    assert "\n" not in str(caught.value) and files(cache) == []


@pytest.mark.parametrize("status", [404, 412, 500])
def test_a_server_error_is_one_line(cache, server, status):
    server.status = status
    with pytest.raises(RuntimeError) as caught:
        load_openml(rows=ROWS)
    assert "OpenML 42468" in str(caught.value) and "\n" not in str(caught.value) and files(cache) == []


def test_no_network_is_one_line(cache, monkeypatch):
    with openml(Server(arff(ROWS)), monkeypatch):
        pass
    with pytest.raises(RuntimeError, match="could not be downloaded.*check the network, or use --data qapjets"):
        load_openml(rows=ROWS)
    assert files(cache) == []


def test_the_published_shape_is_held(cache, server):
    with pytest.raises(ValueError, match=r"shape \[200, 16\], not \[830000, 16\]"):
        load_openml()
    assert files(cache) == []


def test_the_published_features_are_held(cache, monkeypatch):
    names = (*FEATURES[1:], FEATURES[0])
    with openml(Server(arff(ROWS, features=names), features=names), monkeypatch), pytest.raises(ValueError, match="features"):
        load_openml(rows=ROWS)


def test_the_published_classes_are_held(cache, monkeypatch):
    with openml(Server(arff(ROWS, labels="gqwzb"), labels="gqwzb"), monkeypatch), pytest.raises(ValueError, match="b, g, q, w, z"):
        load_openml(rows=ROWS)
