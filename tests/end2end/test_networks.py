"""Whole builds of real networks: the shipped ones and those that others made, at several rates. Minutes each, so all are slow."""

import pytest

from build_dataflow.building import build
from build_dataflow.configuration import ROOT, BuildOptions, known_builds, read_options

MODELS = ROOT.parent / "shared" / "models"

pytestmark = pytest.mark.slow


def built(options, folder):
    """The summary of a build whose every sample was equal, at its ports' own word."""
    summary = build(options, folder / options.name)
    verification = summary["verification"]
    assert verification["mismatches"] == 0
    assert verification["stall_patterns"] == 3 and verification["corners"] > 0
    return summary


@pytest.mark.parametrize("target_ii", [1, 64])
@pytest.mark.parametrize("name, samples", [("unsw_nb15-mlp-w2a2", 2000), ("TFC_2W2A", 500)])
def test_networks_that_others_made(name, samples, target_ii, tmp_path):
    model = MODELS / f"{name}.onnx"
    if not model.is_file():
        pytest.skip(f"{model} is not here: the networks that others made lie outside of this repository")
    summary = built(BuildOptions(name, model, target_ii=target_ii, samples=samples, synthesis=False), tmp_path)
    assert summary["hardware"]["ii_cycles"] <= target_ii
    if target_ii == 1:
        assert {layer["style"] for layer in summary["hardware"]["layers"]} == {"unrolled"}


@pytest.mark.parametrize("target_ii", [4, 13, 64])
def test_jet_tagger_at_lower_rates(target_ii, tmp_path):
    summary = built(read_options("jet_qap", {"target_ii": target_ii, "synthesis": False}), tmp_path)
    assert summary["hardware"]["ii_cycles"] <= target_ii
    assert summary["verification"]["equal_float_outputs"] == summary["verification"]["samples"] == 15000


@pytest.mark.parametrize("name", known_builds())
def test_shipped_networks(name, tmp_path):
    summary = built(read_options(name, {"synthesis": False}), tmp_path)
    assert summary["model"]["nonzero_weights"] <= 0.1 * summary["model"]["weights"]
    assert summary["verification"]["equal_float_outputs"] == summary["verification"]["samples"] == 15000
