"""deploy/packing.py against finn_steps/accelerator/stream.py, which packs bit by bit."""

import numpy as np
import pytest

from deploy.packing import BLOCK, Stream
from finn_steps.accelerator.stream import StreamFormat

FORMATS = [
    (16, 8, True, 16),
    (16, 8, False, 4),
    (5, 13, True, 5),
    (5, 16, True, 5),
    (16, 6, True, 16),
    (7, 1, False, 7),
    (9, 1, True, 3),
    (16, 4, False, 8),
    (593, 2, False, 593),
    (12, 3, True, 4),
    (6, 7, True, 2),
    (10, 5, True, 5),
    (9, 11, False, 3),
    (10, 2, True, 5),
    (3, 24, True, 3),
    (2, 40, True, 1),
    (3, 32, True, 3),
    (1, 56, True, 1),
    (4, 9, False, 1),
]


@pytest.mark.parametrize("dma_bytes", [8, 16])
@pytest.mark.parametrize("elements, bits, signed, lanes", FORMATS)
def test_equals_the_stream_format(elements, bits, signed, lanes, dma_bytes):
    stream, reference = Stream(elements, bits, signed, lanes), StreamFormat(elements, bits, signed, lanes)
    x = np.random.default_rng(bits).integers(stream.low, stream.high, (BLOCK // elements * 2 + 3, elements), endpoint=True)
    x[0], x[1] = stream.low, stream.high
    memory = stream.pack(x, dma_bytes)
    beats = memory.reshape(-1, stream.memory_bytes(dma_bytes))
    assert np.array_equal(beats[:, : stream.bytes], reference.pack(x))
    assert not beats[:, stream.bytes :].any()
    assert np.array_equal(stream.unpack(memory, dma_bytes), x)


def test_bipolar_outputs():
    x = np.random.default_rng(0).choice([-1, 1], (100, 11))
    beats = StreamFormat.of("BIPOLAR", 11, 11).pack(x)
    assert np.array_equal(Stream(11, 1, False, 11, bipolar=True).unpack(beats), x)


@pytest.mark.parametrize(
    "bytes_, dma_bytes, expected",
    [(1, 8, 1), (3, 8, 4), (5, 8, 8), (8, 8, 8), (9, 8, 16), (17, 8, 24), (9, 16, 16), (17, 16, 32)],
)
def test_memory_of_a_beat(bytes_, dma_bytes, expected):
    assert Stream(bytes_, 8, True, bytes_).memory_bytes(dma_bytes) == expected


def test_whole_floats_pack_like_integers():
    x = np.random.default_rng(1).integers(-128, 128, (1000, 16))
    stream = Stream(16, 8, True, 16)
    assert np.array_equal(stream.pack(x.astype(np.float32)), stream.pack(x))


def test_no_frames():
    stream = Stream(16, 6, True, 16)
    assert stream.pack(np.empty((0, 16))).shape == (0, 16)
    assert stream.unpack(np.empty((0, 16), np.uint8)).shape == (0, 16)


@pytest.mark.parametrize("value", [128, -129, np.nan, np.inf])
def test_what_does_not_fit_is_refused(value):
    x = np.zeros((3, 16), np.float32)
    x[2, 7] = value
    with pytest.raises(ValueError, match="do not fit -128..127"):
        Stream(16, 8, True, 16).pack(x)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 15\) are not \[N, 16\]"):
        Stream(16, 8, True, 16).pack(np.zeros((3, 15)))
    with pytest.raises(ValueError, match="lanes must divide"):
        Stream(16, 8, True, 3)
