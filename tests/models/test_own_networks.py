"""Networks of one's own: from a table alone, for every task, under one's own name; mistakes are one line."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from build_dataflow.cli import main
from build_dataflow.commands.train import command
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from models.own import own_config

QUICK = ("--set", "epochs=1", "--set", "dense_epochs=2", "--set", "final_epochs=1", "--set", "remaining=0.6,0.4", "--hidden", "6,4")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """240 events of 4 features: an id, a class in words, a number to predict."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    x = rng.normal(size=(240, 4)) + 1.5 * y[:, None]
    frame = pd.DataFrame(x * [1, 10, 100, 0.1], columns=["pt", "eta", "mass", "d0"])
    frame["event"], frame["kind"], frame["energy"] = np.arange(240), np.where(y, "signal", "007"), 50 + 20 * x[:, 0] - 9 * x[:, 1]
    path = tmp_path_factory.mktemp("own") / "own.csv"
    frame.to_csv(path, index=False)
    return path


def train(table, folder, *options):
    done = CliRunner().invoke(command, ["--data", str(table), "--output", str(folder), *QUICK, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads((folder / "record.json").read_text()), done.output


@pytest.mark.parametrize("options, outputs, classes", [
    (("--label", "kind", "--drop", "event", "--drop", "energy"), 2, ["007", "signal"]),
    (("--label", "kind", "--drop", "event", "--drop", "energy", "--task", "binary"), 1, ["007", "signal"]),
    (("--label", "energy", "--drop", "event", "--drop", "kind", "--task", "regression"), 1, ["energy"]),
    (("--label", "kind", "--drop", "event", "--drop", "energy", "--task", "autoencoder"), 4, []),
], ids=["classes", "binary", "regression", "autoencoder"])
def test_every_task_trains_and_can_be_built(table, tmp_path, options, outputs, classes):
    record, said = train(table, tmp_path / "net", *options)
    assert record["name"] == "net" and record["classes"] == classes and record["nonzero_weights"] > 0
    net = simplify(import_model(tmp_path / "net" / "model.onnx").accelerator).accelerator
    assert net.MH == outputs and "next: ./run-local.sh build" in said
    again = yaml.safe_load((tmp_path / "net" / "train.yaml").read_text())
    assert again["hidden"] == [6, 4] and again["dataset"] == str(table)


def test_numbers_come_out_in_the_tables_own_units(table, tmp_path):
    train(table, tmp_path / "net", "--label", "energy", "--drop", "event", "--drop", "kind", "--task", "regression",
          "--set", "dense_epochs=60", "--set", "remaining=0.9", "--set", "epochs=30")
    net = import_model(tmp_path / "net" / "model.onnx").accelerator
    frame = pd.read_csv(table)
    x = frame[["pt", "eta", "mass", "d0"]].to_numpy(np.float32)
    found = net.dequantise(net.execute(net.quantise(x)))[:, 0]
    assert np.corrcoef(found, frame.energy)[0, 1] > 0.8 and abs(found.mean() - frame.energy.mean()) < 10


def test_a_float_model_gives_the_widths_and_the_start(table, tmp_path):
    layers = [torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)]
    torch.save(torch.nn.Sequential(*layers).state_dict(), tmp_path / "mine.pt")
    arguments = ["--from", str(tmp_path / "mine.pt"), "--data", str(table), "--label", "kind", "--drop", "event", "--drop", "energy",
                 "--output", str(tmp_path / "net"), *QUICK[:-2]]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    record = json.loads((tmp_path / "net" / "record.json").read_text())
    assert done.exit_code == 0 and record["weights"] == 4 * 5 + 5 * 2 and "mine.pt" in record["command"]
    assert "4-5-2" in done.output + getattr(done, "stderr", "")


def test_a_cut_takes_as_many_steps_whatever_the_table():
    for rows in (3_000, 12_000, 36_000, 500_000):
        config = own_config(rows)
        assert 300 <= config.epochs * rows / config.batch_size <= 2_000


@pytest.mark.parametrize("arguments, message", [
    (["--data", "{table}", "--hidden", "8"], "--label must name the column of the classes: 'pt', 'eta'"),
    (["--data", "{table}", "--label", "kid", "--hidden", "8"], "no column 'kid' (--label)"),
    (["--data", "{table}", "--label", "kind", "--drop", "evnt"], "no column 'evnt' (--drop)"),
    (["--data", "{table}", "--label", "energy", "--hidden", "8"], "numbers are learned with --task regression"),
    (["--data", "{table}", "--label", "event", "--task", "classes"], "different values: it does not look like classes"),
    (["--data", "{table}", "--label", "pt", "--task", "regression"], "column 'kind' is not numeric: encode it, or leave it out with --drop kind"),
    (["--data", "{table}", "--label", "kind", "--task", "sorting"], "task 'sorting' is none of classes, binary"),
    (["--data", "{table}", "--label", "kind", "--drop", "energy", "--hidden", "wide"], "hidden (wide) must be a whole number"),
    (["--data", "{lonely}", "--label", "kind"], "1 rows of class 'strange': at least 10"),
    (["--data", "{nan}", "--label", "kind"], "column 'pt' is missing, infinite or beyond float32 in 1 rows"),
    (["data", "--data", "{table}", "--label", "kind", "--drop", "energy", "--hidden", "8"], "models/data is something else"),
    (["jet_qap", "--lut", "500", "--seed", "2"], "would write over"),
    (["--from", "net.h5", "--data", "{table}"], "a float model ends in .pt"),
    (["--from", "{wide}", "--data", "{table}", "--label", "kind", "--drop", "energy", "--drop", "event"],
     "takes 7 features, the table has 4: leave columns out with --drop"),
    (["--from", "{wide}", "--data", "{table}", "--label", "kind", "--drop", "energy", "--drop", "event", "--lut", "500"],
     "takes 7 features, the table has 4: leave columns out with --drop"),
    (["--data", "{table}", "--label", "kind", "--drop", "energy", "--clock-ns", "5:2", "--lut", "100"], "MIN:MAX with MIN at most MAX"),
    (["--data", "{table}", "--label", "kind", "--drop", "energy", "--clock-ns", "5"], "belong to a budget"),
    (["--data", "{table}", "--label", "kind", "--drop", "energy", "--hidden", "8", "--lut", "10"],
     "nothing keeps 10 LUT: a network with a single weight in each layer takes"),
])
def test_mistakes_are_one_line(arguments, message, table, tmp_path, capfd):
    frame = pd.read_csv(table, dtype={"kind": str}).drop(columns=["energy", "event"])
    frame.assign(kind=["strange", *frame.kind[1:]]).to_csv(tmp_path / "lonely.csv", index=False)
    frame.assign(pt=[None, *frame.pt[1:]]).to_csv(tmp_path / "nan.csv", index=False)
    torch.save({"0.weight": torch.zeros(6, 7), "1.weight": torch.zeros(2, 6)}, tmp_path / "wide.pt")
    names = {"table": table, "lonely": tmp_path / "lonely.csv", "nan": tmp_path / "nan.csv", "wide": tmp_path / "wide.pt"}
    output = [] if arguments[0] in ("data", "jet_qap") else ["--output", str(tmp_path / "net")]
    assert main(["train", *(word.format(**names) for word in arguments), *output]) in (1, 2)
    said = [line for line in capfd.readouterr().err.strip().splitlines() if not re.search(r"Warning|warnings\.warn", line)]
    assert len(said) == 1 and message in said[0], said
    assert not (tmp_path / "net" / "model.onnx").exists()


@pytest.mark.parametrize("dropped, told", [((), True), (("--drop", "event"), False)])
def test_an_id_is_pointed_out(table, tmp_path, dropped, told, capfd):
    assert main(["train", "--data", str(table), "--label", "kind", "--drop", "energy", *dropped, "--output", str(tmp_path / "net"), *QUICK]) == 0
    said = capfd.readouterr().err
    assert ("column 'event' has another whole number in every row: if it is an id, leave it out with --drop event" in said) == told


def test_fields_are_listed():
    done = CliRunner().invoke(command, ["jet_qap", "--fields"], catch_exceptions=False)
    assert done.exit_code == 0 and "learning_rate" in done.output and "0.003" in done.output
