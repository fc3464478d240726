#!/usr/bin/env bash
# A FINN user's journey: TFC out of Brevitas, a build.py of one's own with our steps in FINN's builder, a package, and a simulated board.
# docs/journeys/finn_user.sh [FOLDER]: everything is written there (default: journey).
set -euo pipefail
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../..
qapflow() { "$root/run-local.sh" "$@"; }
QAPFLOW_SETUP_ONLY=1 qapflow
python() { PYTHONPATH=$root "${QAPFLOW_VENV:-$root/.venv}/bin/python" -W ignore "$@"; }

mkdir -p "${1:-journey}"
cd "${1:-journey}"

# Train, prune, export: tfc.onnx and digits.npz.
python "$root/docs/journeys/tfc.py"

# FINN's builder with our steps at 3.1 million digits a second: out/rtl simulated against onnxruntime, out/deploy for the board.
python "$root/docs/journeys/build_tfc.py"

# The driver that goes to the board, under pynq, over the Verilated RTL.
qapflow measure out --simulate --largest 1000
