"""Integers as the hex words of a test bench, a beat a line."""

from __future__ import annotations

import numpy as np

from deploy.packing import Stream


def hex_beats(stream: Stream, frames: np.ndarray) -> str:
    """int64 [N, elements] -> the text for $readmemh: element 0 of a beat in its least significant bits. ValueError for a value that the
    element's bits cannot hold."""
    codes = (np.asarray(frames, dtype=np.int64) + 1) // 2 if stream.bipolar else np.asarray(frames, dtype=np.int64)
    if codes.ndim != 2 or codes.shape[1] != stream.elements or codes.min() < stream.low or codes.max() > stream.high:
        raise ValueError(f"vectors of shape {codes.shape}, {codes.min()} to {codes.max()}, are no frames of {stream}")
    digits, mask = -(-8 * stream.bytes // 4), (1 << stream.bits) - 1
    beats = codes.reshape(-1, stream.lanes).tolist()
    words = (sum((value & mask) << lane * stream.bits for lane, value in enumerate(beat)) for beat in beats)
    return "".join(f"{word:0{digits}x}\n" for word in words)
