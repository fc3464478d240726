"""The fuzzer as a command: `python -m tests.fuzz --networks 2000 --seed 0 [--kind graphs] [--keep FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.fuzz.network import KINDS, network
from tests.fuzz.outcome import BAD, OUTCOMES, outcome


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--networks", type=int, default=2000, help="how many, over all kinds")
    parser.add_argument("--seed", type=int, default=0, help="the first network's seed; the others follow")
    parser.add_argument("--kind", choices=KINDS, help="of this kind only")
    parser.add_argument("--keep", type=Path, help="a folder for the networks that are wrong or end in a traceback")
    parser.add_argument("--refused", action="store_true", help="say why networks are refused, too")
    options = parser.parse_args(arguments)
    kinds = [options.kind] if options.kind else list(KINDS)
    counts = {kind: Counter() for kind in kinds}
    for number in range(options.networks):
        kind = kinds[number % len(kinds)]
        made = network(kind, options.seed + number // len(kinds))
        found = outcome(made)
        counts[kind][found.kind] += 1
        if found.kind == "refused" and options.refused:
            print(f"{made.name}: refused: {found.detail}", flush=True)
        if found.kind in (*BAD, "stopped"):
            print(f"{made.name}: {found.kind}: {found.detail}\n    {made.description}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                made.write(options.keep)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {options.networks}", end="", file=sys.stderr, flush=True)
    for kind, count in counts.items():
        print(f"{kind}: " + ", ".join(f"{count[name]} {name}" for name in OUTCOMES if count[name]))
    return int(any(count[bad] for count in counts.values() for bad in BAD))


if __name__ == "__main__":
    sys.exit(main())
