"""The shell around an accelerator: wrapper and measurement RTL, the block design for Vivado, its .hwh, the boards."""
