"""Power by the board's own sensors, where pynq knows any (ZCU104, KV260; a PYNQ-Z1 or Z2 has none)."""

from __future__ import annotations

import threading
import warnings
from typing import Callable


class PowerMeter:
    """The rails that report power. `rails` is {name: function giving watts}, empty where there are none."""

    def __init__(self):
        self.rails = find_rails()

    def watch(self, work: Callable[[], None], interval: float = 0.05) -> dict:
        """Run `work` and return {rail: mean watts} over its time, one reading every `interval` seconds."""
        readings, done = {name: [read()] for name, read in self.rails.items()}, threading.Event()

        def sample():
            while not done.wait(interval):
                for name, read in self.rails.items():
                    readings[name].append(read())

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            work()
        finally:
            done.set()
            sampler.join()
        return {name: sum(values) / len(values) for name, values in readings.items()}


def find_rails() -> dict:
    """pynq's rails with a power sensor that answers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where libsensors is missing
            import pynq.pmbus

            rails = pynq.pmbus.get_rails()
    except (ImportError, OSError, RuntimeError, AttributeError):
        return {}
    found = {}
    for name, rail in rails.items():
        sensor = getattr(rail, "power", None)
        if sensor is not None and isinstance(sensor.value, float):
            found[name] = lambda sensor=sensor: sensor.value
    return found
