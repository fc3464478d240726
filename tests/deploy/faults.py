"""Run on the simulated board: each fault is made to happen, and must end in a clear error within the time-out, no wrong answer,
and a right next batch. Writes {fault: "harmless" or what went wrong} as JSON into the file named as argument."""

import json
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from driver import DMAError, Driver
from network import load_vectors

HERE = Path(sys.argv[0]).resolve().parent
TIMEOUT = 0.3
VECTORS = load_vectors(HERE)
X, INTEGERS = VECTORS["x"], VECTORS["integers"]


def right(driver, samples=len(X)):
    assert np.array_equal(driver.run(X[:samples]), INTEGERS[:samples]), "a wrong answer"


def gives_up(action, *words):
    begin = time.monotonic()
    try:
        action()
    except DMAError as error:
        assert time.monotonic() - begin < TIMEOUT + 2.0, "longer than the time-out"
        for word in words:
            assert word in str(error), f"'{word}' is not in: {error}"
    else:
        raise AssertionError("no error")


def begin_batch(driver, send=len(X), receive=len(X)):
    """Start a batch by hand: `receive` samples expected, `send` bytes or samples sent; its slot."""
    slot = driver._slots[0]
    driver._encode(slot, X, driver.times)
    driver.dma.recvchannel.transfer(slot.receive, nbytes=receive * slot.receive.shape[1])
    driver.dma.sendchannel.transfer(slot.send, nbytes=send)
    return slot


def device(driver):
    return driver.overlay.device


def reset_in_mid_batch(driver):
    frame = driver._slots[0].send.shape[1]
    for cycles in (3, 20, 100, 400):
        slot = begin_batch(driver, send=len(X) * frame)
        device(driver).fabric.run(cycles)
        device(driver).fabric.reset()
        gives_up(lambda: driver._wait(slot, driver.times))
        right(driver)


def output_never_read(driver):
    device(driver).fabric.traffic(0.0, 1.0)
    gives_up(lambda: driver.run(X), "output waits for the DMA", "samples went in", "DMA status")
    device(driver).fabric.traffic()
    right(driver)


def input_never_sent(driver):
    device(driver).fabric.traffic(1.0, 0.0)
    gives_up(lambda: driver.run(X), "the accelerator waits for input", "0 samples went in")
    device(driver).fabric.traffic()
    right(driver)


def batch_cut_short(driver):
    frame = driver._slots[0].send.shape[1]
    for cut in (1, frame - 1, frame + 1, 10 * frame + 3):
        slot = begin_batch(driver, send=cut)
        gives_up(lambda: driver._wait(slot, driver.times), "middle of a sample")
        right(driver)
    slot = begin_batch(driver, send=10 * frame)
    gives_up(lambda: driver._wait(slot, driver.times), "bytes came back")
    right(driver)


def more_answers_than_room(driver):
    frame = driver._slots[0].send.shape[1]
    slot = begin_batch(driver, send=len(X) * frame, receive=len(X) - 1)
    gives_up(lambda: driver._wait(slot, driver.times), "error")
    right(driver)


def dma_error_bit(driver):
    device(driver).failing_transfers = 1
    gives_up(lambda: driver.run(X), "the DMA reports an error", "DMA status")
    right(driver)
    device(driver).failing_transfers = 2
    gives_up(lambda: driver.run(X), "the DMA reports an error")
    right(driver)


def two_processes(driver):
    program = "from driver import Driver; Driver()"
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True)
    assert done.returncode and "uses the accelerator" in done.stderr, done.stderr
    right(driver)


def odd_batches(driver):
    for samples in (0, 1, 2, 3, 5, 7, 63, 64, 65, len(X)):
        right(driver, samples)
    assert driver.predict(X[:0]).shape == (0, INTEGERS.shape[1])


def several_transfers(driver):
    with_small = driver.batch
    driver.batch = 64
    for samples in (63, 64, 65, 128, 129, len(X)):
        right(driver, samples)
    driver.batch = with_small


def bad_inputs_are_not_sent(driver):
    driver.fabric.clear()
    for x in (X[:, :-1], X[0], np.where(np.arange(X.size).reshape(X.shape) == 40, np.nan, X)):
        try:
            driver.predict(x)
        except ValueError:
            continue
        raise AssertionError("no error")
    assert driver.fabric.counters().samples_in == 0
    right(driver)


def a_process_that_died(driver):
    begin_batch(driver, send=8 * 3)
    device(driver).fabric.run(30)
    driver.close()
    driver.__init__(HERE, timeout=TIMEOUT, download=False)
    right(driver)


def closed_driver(driver):
    driver.close()
    try:
        driver.run(X)
    except RuntimeError as error:
        assert "closed" in str(error)
    else:
        raise AssertionError("no error")
    driver.__init__(HERE, timeout=TIMEOUT)
    right(driver)


def interrupted(driver):
    small, encode, calls = driver.batch, driver._encode, []

    def breaking(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        encode(*arguments)

    driver.batch, driver._encode = 64, breaking
    try:
        driver.run(X)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("no interrupt")
    finally:
        driver.batch, driver._encode = small, encode
    right(driver)


def random_stalls(driver):
    for seed in range(4):
        device(driver).fabric.traffic(0.4, 0.4, seed)
        right(driver)
    device(driver).fabric.traffic()


FAULTS = [
    reset_in_mid_batch,
    output_never_read,
    input_never_sent,
    batch_cut_short,
    more_answers_than_room,
    dma_error_bit,
    two_processes,
    odd_batches,
    several_transfers,
    bad_inputs_are_not_sent,
    a_process_that_died,
    closed_driver,
    interrupted,
    random_stalls,
]


def main():
    results = {}
    with Driver(HERE, timeout=TIMEOUT) as driver:
        for fault in FAULTS:
            try:
                right(driver)
                fault(driver)
                right(driver)
                results[fault.__name__] = "harmless"
            except Exception:
                results[fault.__name__] = traceback.format_exc()
                driver._recover()
                device(driver).fabric.traffic()
                device(driver).failing_transfers = 0
    Path(sys.argv[1]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
