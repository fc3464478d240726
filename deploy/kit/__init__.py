"""The integrator's kit, deploy/core/ of a build: the RTL alone, with what an FPGA engineer needs around it."""
