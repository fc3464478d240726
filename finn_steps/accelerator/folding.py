"""How a layer is built."""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("unrolled", "bitplane", "serial", "folded")
PRODUCTS = ("lut", "dsp")


@dataclass(frozen=True)
class Folding:
    """How a layer is built. `PE` and `SIMD` hold for `folded` only: `PE` processing elements, each with `SIMD` lanes
    that step through the nonzeros of its rows; at most MH and MW, which they need not divide. `products` says what
    multiplies there: `lut` or `dsp`. `digits` is the number of activation bits that `bitplane` takes in a cycle; `serial` takes one.
    With `max_cycles`, `folded` and `serial` may take so many cycles if that saves area; 0 is the fewest. `registers_every` is the
    number of adders between two pipeline registers. `blocks` is how many 18 Kbit block RAMs a folded layer's constant memories may take
    at the most, the rest being logic; -1: as many as cost less than their logic."""

    style: str = "unrolled"
    PE: int = 1
    SIMD: int = 1
    digits: int = 1
    registers_every: int = 1
    max_cycles: int = 0
    products: str = "lut"
    blocks: int = -1

    def check(self, name: str, MH: int, MW: int) -> None:
        """Raise ValueError, naming the layer and the values, for a folding that this layer cannot take."""
        if self.style not in STYLES:
            raise ValueError(f"{name}: style '{self.style}' is none of {', '.join(STYLES)}")
        for field_name in ("PE", "SIMD", "digits", "registers_every"):
            value = getattr(self, field_name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}: {field_name} ({value}) must be a whole number of at least 1")
        if type(self.max_cycles) is not int or self.max_cycles < 0:
            raise ValueError(f"{name}: max_cycles ({self.max_cycles}) must be a whole number, 0 for the fewest cycles")
        if type(self.blocks) is not int or self.blocks < -1:
            raise ValueError(f"{name}: blocks ({self.blocks}) must be a whole number, -1 for as many as pay")
        if self.products not in PRODUCTS:
            raise ValueError(f"{name}: products '{self.products}' is none of {', '.join(PRODUCTS)}")
        if self.products == "dsp" and self.style != "folded":
            raise ValueError(f"{name}: products 'dsp' needs style 'folded', not '{self.style}'")
        if self.blocks >= 0 and self.style != "folded":
            raise ValueError(f"{name}: blocks ({self.blocks}) needs style 'folded', not '{self.style}'")
        if self.style == "folded" and self.PE > MH:
            raise ValueError(f"{name}: PE ({self.PE}) must be at most MH ({MH})")
        if self.style == "folded" and self.SIMD > MW:
            raise ValueError(f"{name}: SIMD ({self.SIMD}) must be at most MW ({MW})")

    @property
    def as_json(self) -> dict:
        """All fields; `blocks`, which is younger than the format, only where it says something."""
        return {name: value for name, value in vars(self).items() if name != "blocks" or value >= 0}
