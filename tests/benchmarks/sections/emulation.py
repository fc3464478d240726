"""How fast software gives the accelerator's integers, on one core."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.emulator import Emulator
from finn_steps.folding.streams import save_accelerator
from tests.benchmarks.context import Context
from tests.benchmarks.kept import network_content
from tests.benchmarks.networks import ROOT, network
from tests.benchmarks.page import Bar, Section, number

NET = "jet_qap"
EMULATOR = ROOT / "finn_steps" / "emulator"
SCRIPT = Path(__file__).parents[1] / "peer_emulation.py"
OURS, PEERS = 2_000_000, {"hls4ml": 20_000, "da4ml": 100_000}
BAR = 20_000_000
TEXT = f"""`{NET}`, random int8 inputs, best of three, CPU time of one thread (a machine shared with other work), numpy in and
out. hls4ml takes the QONNX model from its input quantiser on, float32 in and out, `fixed<32,16>` between quantisers; its
normalisation (Sub, Div) is left out. "Build" is wall time until the first answer can be asked for; ours compiles once a
machine, and is loaded from the cache here. "Equal": answers equal to the integers (hls4ml: to the model's outputs)."""


def rows(context: Context) -> list[dict]:
    """All three, one after the other in the same minutes."""
    plain, simple = network(NET)
    sources = [path.read_bytes() for path in (SCRIPT, *sorted(EMULATOR.iterdir())) if path.is_file()]

    def measure() -> list[dict]:
        peers = ({"tool": tool, **peer(context, tool, plain, samples)} for tool, samples in PEERS.items())
        return [{"tool": "qapflow", **ours(simple)}, *peers]

    kept = lambda: {"rows": context.kept("emulation", [*sources, *network_content(plain)], measure)}  # noqa: E731
    return context.run("emulators", kept).get("rows", [])


def ours(accelerator: Accelerator) -> dict:
    """Jets a second of the compiled emulator."""
    x = np.random.default_rng(0).integers(-128, 128, (OURS, accelerator.MW)).astype(np.int8)
    started = time.perf_counter()
    emulator = Emulator(accelerator)
    built, seconds = time.perf_counter() - started, []
    for _ in range(3):
        begun = time.process_time()
        y = emulator.execute(x)
        seconds.append(time.process_time() - begun)
    equal = (y[:20_000] == accelerator.execute(x[:20_000])).all(1).mean()
    return {"rate": OURS / min(seconds), "build_s": built, "equal": float(equal)}


def peer(context: Context, tool: str, accelerator: Accelerator, samples: int) -> dict:
    """What peer_emulation.py measures, and the share of right answers."""
    x = np.random.default_rng(0).integers(-128, 128, (samples, accelerator.MW))
    expected = accelerator.execute(x).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        frames, source = Path(name, "frames.npy"), Path(name)
        save_accelerator(accelerator, name)
        if tool == "hls4ml":
            step = next(op.value for op in accelerator.host_input if op.op == "div" and np.ndim(op.value) == 0)
            x, expected = (x * step).astype(np.float32), accelerator.dequantise(expected)
            source = ROOT / "models" / NET / "model.onnx"
        np.save(frames, x)
        done = subprocess.run([context.python, SCRIPT, tool, source, frames], capture_output=True, text=True, timeout=900)
        if done.returncode:
            return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
        answers = np.load(frames.with_suffix(f".{tool}.npy"))
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "equal": float((answers == expected).all(1).mean())}


def section(found: list[dict]) -> Section:
    columns = ("emulator", "jets a second, one core", "build s", "equal")
    table = [(row["tool"], row.get("failed") or number(row["rate"]), number(row.get("build_s"), 1), f"{row.get('equal', 0):.2%}")
             for row in found]
    mine = next((row for row in found if row["tool"] == "qapflow"), {})
    bar = Bar(f"emulator, `{NET}`", "at least 20 million jets a second on one core", number(mine.get("rate")),
              mine["rate"] >= BAR and mine["equal"] == 1 if "rate" in mine else None)
    return Section("Emulation", TEXT, columns, table, [bar])
