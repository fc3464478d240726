"""`train`: writes a network's folder; mistakes are one line."""

import json

import numpy as np
import onnx
import pytest
import yaml
from click.testing import CliRunner

from build_dataflow.cli import main
from build_dataflow.commands.train import command
from models.catalogue import study_names, study_yaml, train_yaml
from models.configuration import read_config
from models.study.description import read_study
from tests.models.synthetic import synthetic_set


@pytest.fixture()
def tiny(tmp_path):
    part = synthetic_set(sizes=(300, 10, 10)).train
    np.savez(tmp_path / "tiny.npz", X=part.x, y=part.y)
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(
        {"dataset": str(tmp_path / "tiny.npz"), "hidden": [6, 4], "weight_bits": 4, "activation_bits": 3, "epochs": 1,
         "patience": 0, "batch_size": 100, "remaining": [0.5], "saliency": ["magnitude", "fisher"]}))
    return tmp_path / "train.yaml"


def test_train_writes_model_and_record(tiny, tmp_path):
    result = CliRunner().invoke(command, [str(tiny), "--output", str(tmp_path / "net"), "--seed", "3", "--set", "weight_bits=5"],
                                catch_exceptions=False)
    assert result.exit_code == 0 and "kept" in result.output
    record = json.loads((tmp_path / "net" / "record.json").read_text())
    assert (record["name"], record["seed"], record["weights"]) == ("net", 3, 16 * 6 + 6 * 4 + 4 * 5)
    assert set(record["accuracy"]) == {"float", "quantised", "magnitude", "fisher"} and record["shipped"] in record["levels"]
    assert record["command"] == f"train {tiny} --seed 3 --set weight_bits=5"
    assert record["nonzero_weights"] == sum(record["nonzero_weights_by_layer"]) <= record["weights"] // 2
    assert (tmp_path / "net" / "model.onnx").stat().st_size > 1000


def test_the_same_command_gives_the_same_network(tiny, tmp_path):
    for folder in ("a", "b"):
        CliRunner().invoke(command, [str(tiny), "--output", str(tmp_path / folder / "net")], catch_exceptions=False)
    assert (tmp_path / "a" / "net" / "model.onnx").read_bytes() == (tmp_path / "b" / "net" / "model.onnx").read_bytes()


@pytest.mark.parametrize("arguments, message", [
    (["jet_qip"], "no network 'jet_qip'; did you mean jet_qap"),
    (["nowhere.yaml"], "nowhere.yaml: no such file"),
    (["jet_qap", "--set", "weight_bit=4"], "training has no field 'weight_bit'; did you mean 'weight_bits'?"),
    (["jet_qap", "--set", "weight_bits"], "--set weight_bits: write FIELD=VALUE"),
    (["jet_dpp", "--set", "keep=[2, 17, 1, 3]"], "layer 1: keep (17) must be 1 to 16, the candidates of a tile"),
    (["jet_dpp", "--set", "keep=0"], "layer 0: keep (0) must be 1 to 16"),
    (["jet_dpp", "--set", "tile=5"], "layer 0: tile (5) must divide the 16 candidates of a row"),
    (["jet_qap", "--set", "start=nowhere.pt"], "nowhere.pt: no such checkpoint"),
    (["jet_qap", "--data", "tiny.xlsx"], "--data tiny.xlsx: neither 'qapjets' nor"),
])
def test_mistakes_are_one_line(arguments, message, capfd):
    assert main(["train", *arguments]) in (1, 2)
    said = capfd.readouterr().err
    assert len(said.strip().splitlines()) == 1 and message in said


PRUNED = ("jet_dpp", "jet_qap", "jet_qap_small")
WIDTHS = {"jet_widths_small": 0.71, "jet_widths": 0.72, "jet_widths_large": 0.725}
SHIPPED = (*PRUNED, *WIDTHS)
"""Networks of one's own live in models/ too, and are nobody else's business."""


@pytest.mark.parametrize("name", SHIPPED)
def test_committed_networks_were_trained_as_their_yaml_says(name):
    folder = train_yaml(name).parent
    record, config = json.loads((folder / "record.json").read_text()), read_config(folder / "train.yaml")
    command = record["command"].removesuffix(f" --set seed={config.seed}")
    assert record["name"] == name and command == f"train {name}" and record["train_sha256"] == config.sha256


@pytest.mark.parametrize("name", study_names())
def test_committed_studies_can_be_read(name):
    assert read_study(study_yaml(name)).title


def test_committed_networks_pass_the_rule_by_which_they_are_held():
    scores = {name: json.loads((train_yaml(name).parent / "record.json").read_text()) for name in SHIPPED}
    of = {name: record["accuracy"][record["shipped"]] for name, record in scores.items()}
    assert of["jet_qap"]["validation"] >= scores["jet_qap"]["accuracy"]["float"]["validation"] - 0.0075
    assert of["jet_qap_small"]["validation"] >= 0.72 and of["jet_qap_small"]["test"] >= 0.715
    assert all(record["zeros"] >= 0.9 for record in scores.values())
    for name, goal in WIDTHS.items():
        good = [net for net in scores[name]["front"] if net["validation"] >= goal]
        assert of[name]["validation"] == pytest.approx(min(good, key=lambda net: net["area"])["validation"], abs=1e-5)


WALK = [word for field in ("method=widths", "walk_steps=24", "rests=6", "first_price=1e-3", "last_price=1e-2", "least_area=1", "teachers=1",
                           "teacher_epochs=1", "trees=false",
                           "annealed=3", "trials=300", "first_annealed_price=1e-5", "last_annealed_price=1e-3") for word in ("--set", field)]


def test_a_walk_writes_its_front_and_keeps_one_by_its_goal(tiny, tmp_path):
    for folder in ("a", "b"):
        result = CliRunner().invoke(command, [str(tiny), "--output", str(tmp_path / folder / "net"), *WALK], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    net = tmp_path / "a" / "net"
    record = json.loads((net / "record.json").read_text())
    areas = [entry["area"] for entry in record["front"]]
    assert record["shipped"] == "widths" and len(areas) == len(set(areas)) > 3
    assert {path.stem for path in (net / "front").glob("*.onnx")} == {str(area) for area in areas}
    best = max(record["front"], key=lambda entry: entry["validation"])
    shipped, kept = (onnx.load(path) for path in (net / "model.onnx", net / "front" / f"{best['area']}.onnx"))
    assert [tensor.raw_data for tensor in shipped.graph.initializer] == [tensor.raw_data for tensor in kept.graph.initializer]
    assert (net / "model.onnx").read_bytes() == (tmp_path / "b" / "net" / "model.onnx").read_bytes()


def test_a_walk_on_which_nothing_is_left_is_told(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("models.training.train_front", lambda *given: iter(()))
    with pytest.raises(ValueError, match=r"nothing is left at the first rest; lower first_price \(0.001\)"):
        CliRunner().invoke(command, [str(tiny), "--output", str(tmp_path / "net"), *WALK], catch_exceptions=False)
    assert not (tmp_path / "net" / "model.onnx").exists()


def test_a_walk_that_ends_early_leaves_what_it_has_reached(tiny, tmp_path, monkeypatch):
    net = tmp_path / "net"
    (net / "front").mkdir(parents=True)
    (net / "front" / "old.onnx").touch()
    monkeypatch.setattr("models.training.choose", lambda front, goal: pytest.fail(f"{len(front)} reached"))
    with pytest.raises(pytest.fail.Exception, match="reached"):
        CliRunner().invoke(command, [str(tiny), "--output", str(net), *WALK], catch_exceptions=False)
    left = [path.stem for path in (net / "front").glob("*.onnx")]
    assert len(left) > 2 and "old" not in left
