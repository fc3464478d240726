"""A measurement as a picture: throughput over batch size, and the histogram of latencies."""

from __future__ import annotations

from pathlib import Path


def draw(result: dict, path: Path | str) -> None:
    """Draw what measure() returned into a PNG, SVG or PDF file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    batches = result["batches"]
    figure, (rates, latencies) = pyplot.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
    sizes = [b["batch"] for b in batches]
    streamed = [b for b in batches if b["fabric_samples_per_s"]]
    label = "host's clock (of the simulation)" if result["simulated"] else "host's clock"
    rates.loglog(sizes, [b["samples_per_s"] for b in batches], "o-", label=label)
    rates.loglog([b["batch"] for b in streamed], [b["fabric_samples_per_s"] for b in streamed], "s-", label="fabric's counters")
    rates.axhline(result["accelerator"]["samples_per_s"], linestyle="--", color="grey", label="accelerator alone")
    rates.set(xlabel="samples in a batch", ylabel="samples / s")
    rates.legend()
    counts = {int(cycles): count for cycles, count in result["latencies"].items()}
    if counts:
        latencies.bar(list(counts), list(counts.values()), width=1.0)
    latencies.set(xlabel="latency (cycles)", ylabel=f"samples (batch of {sizes[-1]})", yscale="log" if counts else "linear")
    figure.suptitle(
        f"{result['network']} on {result['board']}{' (simulated)' if result['simulated'] else ''}, {result['clock_mhz']:g} MHz"
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
