"""A study's YAML: what it expands to, and what is wrong in it."""

import pytest

from models.configuration import TrainConfig
from models.study.description import read_study


def test_runs_are_arms_times_grid_times_repeat(study_file):
    study = read_study(study_file(
        arms={"plain": {}, "lottery": {"rewind": True}}, grid={"weight_bits": [4, 6]},
        repeat=[{"seed": 1, "fold": 0, "folds": 2}, {"seed": 2, "fold": 1, "folds": 2}],
    ))
    assert len(study.runs) == 8 and len({run.id for run in study.runs}) == 8
    assert [run.arm for run in study.runs] == ["plain"] * 4 + ["lottery"] * 4
    assert [(run.config.weight_bits, run.config.seed, run.config.fold) for run in study.runs[:4]] == [
        (4, 1, 0), (4, 2, 1), (6, 1, 0), (6, 2, 1)]


def test_ids_depend_on_every_field():
    assert TrainConfig().sha256 == TrainConfig().sha256 != TrainConfig(l1=1e-9).sha256


@pytest.mark.parametrize("content, message", [
    (dict(grids={}), "study has no field 'grids'; did you mean 'grid'?"),
    (dict(grid={"weight_bit": [4]}), "grid has no field 'weight_bit'; did you mean 'weight_bits'?"),
    (dict(grid={"seed": 3}), "grid: seed needs a list of values"),
    (dict(base={"saliency": "fischer"}), "saliency 'fischer' is none of magnitude, fisher, random; did you mean 'fisher'?"),
    (dict(base={"epoch": 3}), "training has no field 'epoch'; did you mean 'epochs'?"),
    (dict(base={"fold": 4, "folds": 4}), "fold (4) must be 0 to 3"),
    (dict(base={"remaining": [0.5, 0.6]}), "shares must fall, 0.6 follows 0.5"),
    (dict(base={"weight_bits": [4, 4]}), "weight_bits ([4, 4]) has 2 entries, the network needs 3"),
    (dict(base={"temperature_end": 0}), "temperature_end (0) must be above 0"),
    (dict(base={"epochs": 0}), "epochs (0) must be a whole number of at least 1"),
    (dict(base={"weight_bits": 20}), "weight_bits (20) must be 2 to 16, or 32"),
    (dict(arms={"a": {}, "b": {}}), "arms 'a' and 'b' describe the same training"),
    (dict(together=0), "together (0) must be a whole number of at least 1"),
    (dict(search={"hidden": [8]}), "search: hidden ([8]) needs a [least, greatest] pair"),
    (dict(search={"hidden": [[2, 4]], "objective": "validation_los"}), "did you mean 'validation_loss'?"),
    (dict(search={"hidden": [[2, 4]], "trails": 3}), "search has no field 'trails'; did you mean 'trials'?"),
])
def test_mistakes_are_named(study_file, content, message):
    path = study_file(**content)
    with pytest.raises(ValueError) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_a_list_is_no_study(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ValueError, match="a study is a mapping"):
        read_study(tmp_path / "list.yaml")
