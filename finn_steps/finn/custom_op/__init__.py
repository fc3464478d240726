"""SparseMVAU and its RTL backend, registered in FINN's own domain (SpecializeLayers looks nowhere else).

Importing this package registers them; finn_steps.finn.environment.prepare_finn does so.
"""

from finn_steps.finn.custom_op.sparse_mvau import SparseMVAU
from finn_steps.finn.custom_op.sparse_mvau_rtl import SparseMVAU_rtl

__all__ = ["SparseMVAU", "SparseMVAU_rtl"]
