"""jet_dpp built by its tiles: a lane for each tile, and no multiplier idles but where PE does not divide the rows."""

from dataclasses import replace

import pytest

from build_dataflow.building import build
from build_dataflow.configuration import BUILDS, read_options
from finn_steps.accelerator import Accelerator
from finn_steps.folding.schedule import schedule

TILES = BUILDS / "jet_dpp" / "folding_tiles.json"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jet_dpp") / "out"
    options = replace(read_options("jet_dpp", {"folding": TILES, "synthesis": False}), data=None, samples=500, proof=False)
    summary = build(options, folder)
    return Accelerator.load(folder), summary


def test_the_rtl_is_exact_and_takes_the_longest_layers_cycles(built):
    accelerator, summary = built
    assert summary["verification"]["mismatches"] == 0 and summary["verification"]["samples"] == 500
    assert summary["hardware"]["ii_cycles"] == max(schedule(layer).cycles for layer in accelerator.layers) == 17


def test_a_layer_takes_its_nonzeros_over_its_multipliers(built):
    for layer, tiles in zip(built[0].layers, (1, 4, 2, 2)):
        assert layer.folding.SIMD == tiles and schedule(layer).cycles == -(-layer.nonzeros // (layer.folding.PE * tiles))
        one = replace(layer, folding=replace(layer.folding, PE=1))
        assert schedule(one).cycles * tiles == layer.nonzeros
