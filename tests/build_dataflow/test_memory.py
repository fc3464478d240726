"""Memory of a piece of work: of this process, of its children, and of both together."""

import subprocess
import sys

import numpy as np

from build_dataflow.memory import PeakMemory

MB = 2**20
HUNGRY = "import sys, time; x = bytearray(b'x') * (int(sys.argv[1]) << 20); time.sleep(float(sys.argv[2]))"


def take(mb):
    return np.ones(mb * MB, np.uint8)


def peak_of(work):
    with PeakMemory() as peak:
        work()
    return peak.mb


def child(mb, seconds):
    subprocess.run([sys.executable, "-c", HUNGRY, str(mb), str(seconds)], check=True)


def test_a_peak_that_is_over_in_no_time_is_seen_and_forgotten():
    before = peak_of(lambda: None)
    assert before + 380 < peak_of(lambda: take(400)) < before + 450
    assert peak_of(lambda: None) < before + 50, "each begins anew"


def test_children_count_with_this_process():
    before = peak_of(lambda: None)
    assert before + 280 < peak_of(lambda: child(300, 2.0)) < before + 400


def test_a_child_that_no_sample_met_counts_alone():
    largest = peak_of(lambda: child(1000, 0.0))
    assert largest > 990
