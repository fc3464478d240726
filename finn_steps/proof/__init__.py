"""Proof that emitted Verilog computes the Accelerator's integers; shares no code with the generator."""
