"""Simulation of the generated RTL with Verilator, driven and watched at its AXI-Stream ports."""

from finn_steps.rtlsim.simulation import Simulation, SimulationResult

__all__ = ["Simulation", "SimulationResult"]
