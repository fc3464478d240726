"""What stands around and between layers: the credits and the output memory of a core, converters of beats."""

from __future__ import annotations

from finn_steps.folding.choice import Price
from finn_steps.folding.mapped import multiplexer
from finn_steps.rtl.lut_sizes import ram_luts


def credit_price(width: int, latency: int, ii: int) -> Price:
    """Of a credit_pipeline.sv around a core, as Yosys has it for widths of 8 to 160 and latencies of 10 to 70."""
    credits = (latency + ii + 1) // ii
    address = credits.bit_length()
    control = 3 * address + 4 + 4 * (ii > 1)
    features = {"credit_memory": ram_luts(width + 1, 2 ** address), "credit_control": control, "registers": latency + 3 * address + 2}
    return Price.of("join", features)


def valid_price(latency: int, ii: int) -> Price:
    """Of a valid_pipeline.sv beside a core."""
    pace = (ii - 1).bit_length()
    return Price.of("join", {"credit_control": 2 * pace, "registers": latency + pace})


def convert_price(bits: int, before: int, after: int) -> Price:
    """Of a converter between beats of `before` and of `after` elements."""
    if before == after:
        return Price()
    wide, narrow = max(before, after) * bits, min(before, after) * bits
    beats = max(1, wide // narrow)
    if before > after:
        return Price.of("join", {"serialiser": narrow * multiplexer(beats), "converters": 1, "registers": (beats - 1).bit_length()})
    return Price.of("join", {"converters": 1, "registers": wide + (beats - 1).bit_length() + 2})
