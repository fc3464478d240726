import numpy as np
import pytest
import yaml

from tests.models.synthetic import synthetic_set

BASE = dict(hidden=[6, 4], weight_bits=4, activation_bits=3, epochs=1, patience=0, batch_size=100, batch_norm="none",
            remaining=[0.5])


@pytest.fixture(scope="session")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    part = synthetic_set(sizes=(300, 10, 10)).train
    np.savez(path, X=part.x, y=part.y)
    return path


@pytest.fixture()
def study_file(tmp_path, data_file):
    """Write a study of tiny trainings: study_file(grid={...}) -> path."""

    def write(**content):
        path = tmp_path / "tiny.yaml"
        base = BASE | {"dataset": str(data_file)} | content.pop("base", {})
        path.write_text(yaml.safe_dump({"base": base, **content}, sort_keys=False))
        return path

    return write
