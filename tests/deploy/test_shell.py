"""The shell's RTL in Verilator: width conversion, and the measurement block against what is seen at the accelerator's ports."""

import re

import numpy as np
import pytest

from deploy.fabric import BIN_CYCLES, BINS, CONTROL, PATTERN, PATTERN_SAMPLES, Fabric, FabricError, Patience
from deploy.network import Network
from deploy.simulated_board.build import build
from deploy.simulated_board.library import RECEIVE, RUNNING, SEND, BoardLibrary
from finn_steps.accelerator import Folding
from tests.deploy.builds import CACHE, hash_answers, hash_package, network_package

SHAPES = [  # bytes of a beat and beats of a frame, in and out; bytes of a DMA word
    (1, 1, 1, 1, 8),
    (3, 1, 9, 1, 8),
    (2, 7, 33, 2, 8),
    (16, 1, 16, 1, 16),
    (9, 2, 1, 5, 16),
    (33, 1, 3, 2, 16),
]
TRAFFIC = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.6)]


@pytest.fixture(scope="module")
def jets(tmp_path_factory):
    """A small network's board with 64-bit DMA: (board, fabric, network, x, integers)."""
    folder = tmp_path_factory.mktemp("jets")
    _, x, integers = network_package(folder)
    board = BoardLibrary(build(folder / "deploy", 8, CACHE), seed=1)
    return board, Fabric(board), Network.load(folder / "driver"), x, integers


def run(board, network, x, dma_bytes=8):
    answer = board.exchange(network.encode(x, dma_bytes).reshape(-1), len(x) * network.output_stream.frame_bytes(dma_bytes))
    return network.output_stream.unpack(answer, dma_bytes)


def assert_counters_equal_watch(fabric, board):
    seen, told = board.watch, fabric.counters()
    assert told.samples_in == seen.samples_in and told.samples_out == seen.samples_out
    assert told.starved_cycles == seen.starved and told.stalled_cycles == seen.stalled
    if seen.samples_out:
        assert (told.latency_min, told.latency_max) == (seen.latency_min, seen.latency_max)
        assert told.latency_mean == seen.latency_sum / seen.samples_out
        counts = {cycles: count for cycles, count in enumerate(seen.histogram) if count}
        bins = np.bincount([cycles % BINS for cycles in counts], list(counts.values()), BINS)
        assert np.array_equal(fabric.histogram(), bins)
        assert fabric.latencies() == (counts if seen.latency_max - seen.latency_min < BINS else {})
    if seen.samples_out > 1:
        assert told.interval_min == seen.interval_min
        assert told.interval_mean == seen.span / (seen.samples_out - 1)


@pytest.mark.parametrize("gaps, stalls", TRAFFIC)
def test_network_answers_and_counters(jets, gaps, stalls):
    board, fabric, network, x, integers = jets
    for samples in (1, 2, 300):
        board.traffic(gaps, stalls, seed=samples)
        fabric.clear()
        board.watch_clear()
        assert np.array_equal(run(board, network, x[:samples]), integers[:samples])
        board.run(10)
        assert_counters_equal_watch(fabric, board)
    board.traffic()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
def test_any_stream_shape(tmp_path, shape):
    *shape, dma_bytes = shape
    network = hash_package(tmp_path, *shape)
    board = BoardLibrary(build(tmp_path / "deploy", dma_bytes, CACHE), seed=2)
    fabric = Fabric(board)
    assert fabric.check(network) == dma_bytes
    rng = np.random.default_rng(3)
    for (gaps, stalls), samples in zip(TRAFFIC, (57, 1, 33, 40)):
        board.traffic(gaps, stalls, seed=samples)
        frames = rng.integers(0, 256, (samples, network.input_stream.elements))
        fabric.clear()
        board.watch_clear()
        answer = board.exchange(
            network.input_stream.pack(frames, dma_bytes).reshape(-1), samples * network.output_stream.frame_bytes(dma_bytes)
        )
        assert np.array_equal(
            network.output_stream.unpack(answer, dma_bytes), hash_answers(frames, network.output_stream.elements)
        )
        board.run(10)
        assert_counters_equal_watch(fabric, board)
    board.watch_clear()
    fabric.run_pattern(100)
    assert_counters_equal_watch(fabric, board)


def test_a_folded_network_in_several_beats(tmp_path):
    _, x, integers = network_package(tmp_path, widths=(12, 6, 4), folding=Folding("folded", PE=2, SIMD=2))
    network = Network.load(tmp_path / "driver")
    assert network.input_stream.beats > 1 and network.output_stream.beats > 1
    board = BoardLibrary(build(tmp_path / "deploy", 8, CACHE), seed=1)
    fabric = Fabric(board)
    assert fabric.check(network) == 8
    for gaps, stalls in TRAFFIC:
        board.traffic(gaps, stalls, seed=9)
        fabric.clear()
        board.watch_clear()
        assert np.array_equal(run(board, network, x), integers)
        board.run(10)
        assert_counters_equal_watch(fabric, board)


class Passing:
    """Registers of a board on which `cycles` pass with every access, as they do with a real one's."""

    def __init__(self, board, cycles):
        self.board, self.cycles = board, cycles

    def read(self, offset):
        self.board.run(self.cycles)
        return self.board.read(offset)

    def write(self, offset, value):
        self.board.write(offset, value)


def test_a_slow_accelerator_is_waited_for_and_gives_back_what_it_took(tmp_path):
    network_package(tmp_path, widths=(12, 6, 4), folding=Folding("folded", PE=1, SIMD=1))
    board = BoardLibrary(build(tmp_path / "deploy", 8, CACHE), seed=1)
    fabric = Fabric(Passing(board, 300), clock=lambda: board.watch.cycles)
    counters = fabric.run_pattern(200, timeout=1000)
    assert counters.samples_in == counters.samples_out == 200 and counters.interval_mean > 20
    assert board.watch.cycles > 4 * 1000, "the whole run takes longer than the time-out, which counts from answer to answer"


def test_of_samples_under_way_none_comes_out_that_did_not_go_in(tmp_path):
    """The two counters are read one after the other, while samples move."""
    network_package(tmp_path, widths=(12, 6, 4), folding=Folding("folded", PE=1, SIMD=1))
    board = BoardLibrary(build(tmp_path / "deploy", 8, CACHE), seed=1)
    fabric = Fabric(Passing(board, 500))
    fabric.clear()
    fabric.mmio.write(PATTERN_SAMPLES, 1000)
    fabric.mmio.write(CONTROL, PATTERN)
    for _ in range(5):
        went_in, came_out = map(int, re.search(r"(\d+) samples went in, (\d+) came out", fabric.describe()).groups())
        assert 0 < came_out < went_in
    fabric.mmio.write(CONTROL, 0)
    with pytest.raises(FabricError, match=r"of 1000 samples \d+ went in and \d+ came out"):
        fabric.require_all(1000)


def test_patience_ends_when_nothing_moves():
    now, count = [0.0], [0]
    patience = Patience(1.0, lambda: now[0], lambda: count[0])
    for step in range(5):
        now[0], count[0] = 1.5 * step, step
        assert not patience.over()
    now[0] += 1.5
    assert patience.over()


def test_pattern_source_runs_at_full_speed_and_leaves_nothing_behind(jets):
    board, fabric, network, x, integers = jets
    board.watch_clear()
    counters = fabric.run_pattern(1000)
    assert counters.samples_out == 1000 and counters.interval_mean == 1.0 and counters.starved_cycles == 0
    assert_counters_equal_watch(fabric, board)
    alone = fabric.run_pattern(1)
    assert alone.latency_min == alone.latency_max == counters.latency_min
    assert np.array_equal(run(board, network, x), integers)
    with pytest.raises(ValueError, match="not 0"):
        fabric.run_pattern(0)


@pytest.mark.parametrize("bin_unit", range(4))
def test_histogram_units(jets, bin_unit):
    board, fabric, network, x, integers = jets
    board.traffic(0.0, 0.7, seed=5)
    fabric.clear(bin_unit)
    board.watch_clear()
    run(board, network, x)
    board.run(10)
    width, expected = BIN_CYCLES[bin_unit], {}
    for cycles, count in enumerate(board.watch.histogram):
        if count:
            expected[cycles // width * width] = expected.get(cycles // width * width, 0) + count
    assert fabric.latencies(bin_unit) == expected
    board.traffic()


def test_a_latency_spread_beyond_the_bins_is_not_unfolded(jets):
    board, fabric, network, x, integers = jets
    data = network.encode(x[:2])
    fabric.clear()
    answer = np.zeros(2 * network.output_stream.frame_bytes(8), np.uint8)
    board.traffic(0.0, 1.0)
    board.transfer(RECEIVE, answer.ctypes.data, answer.size)
    board.transfer(SEND, data.ctypes.data, data.size)
    board.run(100)
    board.run(1000)
    board.traffic()
    board.run(1000)
    assert board.transferred(RECEIVE)[1] != RUNNING
    assert np.array_equal(network.output_stream.unpack(answer), integers[:2])
    assert fabric.counters().stalled_cycles > 500
    run(board, network, x[:1])
    assert fabric.latencies() == {}


def test_axi_lite_answers_keep_still_until_taken(jets):
    board, fabric, network, x, integers = jets
    fabric.run_pattern(1000)
    for address in (0xC00, 0xC04, 0x04, 0x30, 0x80):
        assert board.read(address, wait=7) == board.read(address)
    assert board.read(0x04, wait=3) == 1000


def test_identity(jets):
    board, fabric, network, *_ = jets
    identity = fabric.identity()
    assert identity.id == network.id and identity.beats == (1, 1)
    other = type(network)(**{**vars(network), "sha256": "0" * 64})
    with pytest.raises(FabricError, match="the fabric holds network"):
        fabric.check(other)


def test_reset_line_in_mid_batch(jets):
    board, fabric, network, x, integers = jets
    data, answer = network.encode(x), np.zeros(300 * network.output_stream.frame_bytes(8), np.uint8)
    for cycles in (1, 2, 5, 37, 100, 333):
        board.transfer(RECEIVE, answer.ctypes.data, answer.size)
        board.transfer(SEND, data.ctypes.data, data.size)
        board.run(cycles)
        for channel in (SEND, RECEIVE):
            board.abort(channel)
        board.reset()
        board.watch_clear()
        fabric.clear()
        assert np.array_equal(run(board, network, x), integers)
        board.run(10)
        assert_counters_equal_watch(fabric, board)


@pytest.mark.parametrize("cut", [1, 8, 15, 17, 24])
def test_a_batch_cut_short_is_seen_and_flushed(jets, cut):
    board, fabric, network, x, integers = jets
    fabric.clear()
    data, answer = network.encode(x).reshape(-1), np.zeros(300 * network.output_stream.frame_bytes(8), np.uint8)
    board.transfer(RECEIVE, answer.ctypes.data, answer.size)
    board.transfer(SEND, data.ctypes.data, cut)
    board.run(100)
    board.run(100)
    assert fabric.cut_short and "ended in the middle" in fabric.describe()
    board.abort(RECEIVE)
    fabric.flush(True)
    fabric.flush(False)
    fabric.clear()
    assert not fabric.cut_short
    assert np.array_equal(run(board, network, x), integers)


def test_flush_takes_and_drops_what_is_sent(jets):
    board, fabric, network, x, integers = jets
    fabric.flush(True)
    data = network.encode(x)
    board.transfer(SEND, data.ctypes.data, data.size)
    board.run(5000)
    assert board.transferred(SEND) == (data.size, 0)
    assert "held in flush" in fabric.describe()
    fabric.flush(False)
    fabric.clear()
    assert np.array_equal(run(board, network, x), integers)
