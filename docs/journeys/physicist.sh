#!/usr/bin/env bash
# A physicist's journey: a table of events and a float network become a verified design within 1,000 LUT and 100 ns, and a report.
# docs/journeys/physicist.sh [FOLDER]: takes events.csv and net.pt there (default: journey), or makes some; everything is written there.
set -euo pipefail
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../..
qapflow() { "$root/run-local.sh" "$@"; }

mkdir -p "${1:-journey}"
cd "${1:-journey}"
if [ ! -e events.csv ]; then
    QAPFLOW_SETUP_ONLY=1 qapflow
    "${QAPFLOW_VENV:-$root/.venv}/bin/python" "$root/docs/journeys/sample_events.py"
fi

# Weights are cut little by little, each net on the way is priced as hardware, and the best within the budget is built.
qapflow train tagger --from net.pt --data events.csv --label kind --drop event --lut 1000 --latency-ns 100 --quick --output models/tagger

# The simulated hardware against the file, on more random samples than a build takes.
qapflow verify build/tagger --samples 20000

# build/tagger/report/report.html: accuracy and ROC from the float network to the hardware, layers, latency and area.
qapflow report build/tagger
