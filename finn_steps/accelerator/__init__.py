"""The Accelerator: its format, layers, foldings, host operations and stream formats. It imports nothing of the rooms above."""

from finn_steps.accelerator.accelerator import FORMAT, INTERFACES, Accelerator
from finn_steps.accelerator.datatypes import own_bits, smallest_datatype
from finn_steps.accelerator.folding import PRODUCTS, STYLES, Folding
from finn_steps.accelerator.layer import SparseLayer

__all__ = ["FORMAT", "INTERFACES", "PRODUCTS", "STYLES", "Accelerator", "Folding", "SparseLayer", "own_bits", "smallest_datatype"]
