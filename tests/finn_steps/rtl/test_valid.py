"""Interface valid: cores behind each other where nothing waits; every answer a fixed number of cycles after its frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.label import with_label
from finn_steps.finn.transformation.host_ends import read_host_ends
from finn_steps.finn.transformation.integer_graph import integer_graph
from finn_steps.folding.asked import Wanted
from finn_steps.folding.choose import choose_foldings
from finn_steps.folding.clock_search import best_clock
from finn_steps.folding.cost import estimate
from finn_steps.folding.explore import explore
from finn_steps.folding.streams import save_accelerator
from finn_steps.folding.tune import Tuner
from finn_steps.proof.prove import prove
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator, random_inputs

PLANES, SERIAL, CONSTANT = Folding("bitplane", digits=2), Folding("serial", max_cycles=12), Folding()


def network(*foldings: Folding, labels=False, **options) -> Accelerator:
    net = random_accelerator(**{"widths": (6, 8, 5, 4)[: len(foldings) + 1], "zeros": 0.5, "seed": 5, **options})
    net = replace(net, layers=tuple(replace(layer, folding=folding) for layer, folding in zip(net.layers, foldings)), interface="valid")
    return with_label(net) if labels else net


@pytest.mark.parametrize("foldings, labels", [
    ((CONSTANT, CONSTANT, CONSTANT), False),
    ((CONSTANT, PLANES, CONSTANT), True),
    ((SERIAL, CONSTANT, PLANES), False),
    ((PLANES, SERIAL), True),
])
def test_integers_latency_and_rate_are_those_of_the_estimate(tmp_path, foldings, labels):
    """The harness itself refuses answers that are not all equally late."""
    net = network(*foldings, labels=labels)
    design = generate(net, tmp_path)
    simulation = Simulation.build(tmp_path)
    x = random_inputs(np.random.default_rng(1), 200, net.MW, net.idt)
    expected, told = net.execute(x), estimate(net)
    free = simulation.run(x)
    assert np.array_equal(free.y, expected)
    assert (free.latency_cycles, free.ii_cycles) == (told.latency_cycles, told.ii_cycles) and design.ii == told.ii_cycles
    assert np.array_equal(simulation.run(x, input_gaps=0.5, seed=3).y, expected)
    for resets in [(1,), (free.latency_cycles,), (30, 37), (131,)]:
        assert np.array_equal(simulation.trace(x, input_gaps=0.2, seed=2, resets=resets).y, expected), resets


def test_a_stream_takes_one_cycle_and_more_area_for_each_core(tmp_path):
    net = network(CONSTANT, PLANES, CONSTANT)
    free, stream = estimate(net), estimate(replace(net, interface="stream"))
    assert stream.latency_cycles == free.latency_cycles + 3
    assert free.lut < stream.lut and free.ff < stream.ff


def test_the_output_cannot_be_stalled(tmp_path):
    generate(network(CONSTANT), tmp_path)
    with pytest.raises(ValueError, match="no output that could be stalled"):
        Simulation.build(tmp_path).run(np.zeros((1, 6)), output_stalls=0.5)


def test_answers_at_other_times_are_refused(tmp_path):
    """A design that sends some answers a cycle later; one that sends some twice."""
    net = network(CONSTANT)
    for place, late in enumerate(("held[0] ? given_late : given", "given | given_late")):
        folder = tmp_path / str(place)
        generate(net, folder)
        top = folder / "finn_accel.sv"
        right = "assign m_axis_0_tvalid = layer0_out_valid;"
        assert right in top.read_text()
        wrong = f"""wire given = layer0_out_valid; logic given_late; logic [3:0] held;
  always_ff @(posedge ap_clk) given_late <= given; always_ff @(posedge ap_clk) held <= ap_rst_n ? held + 4'(given) : '0;
  assign m_axis_0_tvalid = {late};"""
        top.write_text(top.read_text().replace(right, wrong))
        with pytest.raises(RuntimeError, match="more output than|cycles after its frame"):
            Simulation.build(folder).run(random_inputs(np.random.default_rng(1), 20, net.MW, net.idt))


@pytest.mark.parametrize("foldings, labels", [((CONSTANT, CONSTANT), False), ((PLANES, CONSTANT), True), ((SERIAL, PLANES), False)])
def test_proved_for_every_input(tmp_path, foldings, labels):
    net = network(*foldings, labels=labels)
    generate(net, tmp_path)
    result = prove(tmp_path, net)
    assert result.proved == tuple(layer.name for layer in net.layers) and not result.not_proved


@pytest.mark.parametrize("fault, folding", [(".II(1 + ", PLANES), (".LATENCY(1 + ", CONSTANT)])
def test_a_core_that_loses_frames_or_is_late_is_not_proved(tmp_path, fault, folding):
    net = network(folding, folding)
    generate(net, tmp_path)
    top = tmp_path / "finn_accel.sv"
    top.write_text(top.read_text().replace(fault.partition("(")[0] + "(", fault))
    assert net.layers[-1].name in prove(tmp_path, net, seconds=5).not_proved


def test_a_varying_latency_is_not_proved(tmp_path):
    """Every second answer is marked a cycle later, when the same bits are still there."""
    net = network(CONSTANT)
    generate(net, tmp_path)
    top = tmp_path / "finn_accel.sv"
    text = top.read_text().replace("assign m_axis_0_tvalid = layer0_out_valid;", """logic odd, before; logic [7:0] kept;
  always_ff @(posedge ap_clk) before <= layer0_out_valid && odd;
  always_ff @(posedge ap_clk) odd <= ap_rst_n && (odd ^ layer0_out_valid);
  assign m_axis_0_tvalid = (layer0_out_valid && !odd) || before;""")
    top.write_text(text)
    assert not prove(tmp_path, net, seconds=5).proved


def test_folded_layers_are_refused_by_name():
    with pytest.raises(ValueError, match="layer1: style 'folded' .* interface 'valid' takes unrolled, bitplane and serial"):
        network(CONSTANT, Folding("folded"))


def test_no_folded_layer_is_chosen():
    net = random_accelerator((8, 12, 4), seed=2)
    tried = [{choice.style for choices in Tuner(replace(net, interface=name)).choices for choice in choices} for name in ("stream", "valid")]
    assert tried[0] - tried[1] == {"folded"}
    chosen = choose_foldings(replace(net, interface="valid"), 40)
    assert "folded" not in {folding.style for folding in chosen.values()}


def test_exploring_and_the_clock_search_leave_folded_layers_out():
    net = replace(random_accelerator((8, 12, 4), seed=2), interface="valid")
    points = list(explore(net))
    assert points and not any(layer.startswith("folded") for point in points for layer in point.layers)
    chosen = best_clock(net, "xc7", Wanted((0.0, 20.0), ii=40))
    assert "folded" not in {choice.style for choice in chosen.built.choices}


def test_the_interface_survives_files_and_graphs_and_changes_the_identity(tmp_path):
    net = network(CONSTANT, PLANES)
    save_accelerator(net, tmp_path)
    assert Accelerator.load(tmp_path).interface == "valid"
    assert read_host_ends(integer_graph(net)).interface == "valid"
    assert net.sha256 != replace(net, interface="stream").sha256
