"""Synthesis without a vendor's tool: Yosys."""

from finn_steps.synthesis.yosys import SynthesisResult, synthesise

__all__ = ["SynthesisResult", "synthesise"]
