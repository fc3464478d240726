"""A board in software: unmodified pynq on a device of ours, whose registers and DMA drive the verilated shell and accelerator."""
