#!/usr/bin/env bash
# An FPGA engineer's journey: somebody hands over deploy/core of a build as an archive; its test bench passes in Icarus. Nothing of qapflow is needed.
# docs/journeys/engineer.sh CORE.tar.gz [FOLDER]: unpacks it there (default: a temporary folder).
# The archive is made by: tar -C build/jet_qap/deploy -czf core.tar.gz core
set -euo pipefail
archive=$(readlink -f -- "${1:?the archive of a build\'s deploy/core}")
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
folder=$(readlink -f -- "$folder")
tar -C "$folder" -xzf "$archive"
cd "$folder/core/rtl"

# Self-checking: corners and samples of the build's data, back to back, with gaps, with stalls and with a reset in mid-stream.
iverilog -g2012 -Wall -o ../bench.vvp -f ../tb/files.f
vvp -n ../bench.vvp

# For a design in VHDL: the component and an instantiation to copy from.
if command -v ghdl >/dev/null; then
    ghdl -a --std=08 --workdir="$folder" ../vhdl/finn_accel_pkg.vhd ../vhdl/finn_accel_template.vhd
    echo "vhdl/: analysed by GHDL"
fi
echo "read $folder/core/README.md for ports, latency and what was verified"
