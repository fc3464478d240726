"""The accelerator's integers at millions of samples a second, as compiled C++."""

from finn_steps.emulator.emulator import Emulator

__all__ = ["Emulator"]
