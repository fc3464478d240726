"""What a network may cost, what each one costs, and which is best within that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from build_dataflow.configuration import ANY_CLOCK_NS, family_of
from build_dataflow.jsonfile import write_json
from finn_steps.accelerator.simplify import simplify
from finn_steps.folding.asked import Wanted
from finn_steps.folding.clock_search import clock_choices
from finn_steps.importer.lower import import_model
from models.ladder import Rung

LUT_A_DIGIT = 4.7
"""Of unrolled nets, roughly: a net that must be far beyond the budget is told by this, without counting."""
FAR = 1.8
MOST_LUT = 12_000
"""Without a budget of LUTs, beyond this nothing is counted."""
ADDERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Budget:
    """Limits, None where there is none. lut: as Yosys counts the built design; max_loss: of accuracy, against the float twin;
    clock: a period in ns or a (least, greatest) range."""

    lut: int | None = None
    latency_ns: float | None = None
    max_loss: float | None = None
    part: str = "xc7z020clg400-1"
    clock: float | tuple[float, float] | None = None

    def __post_init__(self):
        family_of(self.part)
        for name in ("lut", "latency_ns", "max_loss"):
            value = getattr(self, name)
            if value is not None and value < (0 if name == "max_loss" else 1e-9):
                raise ValueError(f"--{name.replace('_', '-')} {value}: must be above zero")

    @property
    def clock_ns(self) -> tuple[float, float]:
        if self.clock is None:
            return ANY_CLOCK_NS
        return self.clock if isinstance(self.clock, tuple) else (self.clock, self.clock)

    def __str__(self) -> str:
        parts = [f"{self.lut:,} LUT" if self.lut is not None else "",
                 f"{self.latency_ns:g} ns" if self.latency_ns is not None else "",
                 f"a loss of {self.max_loss:g}" if self.max_loss is not None else ""]
        return " and ".join(part for part in parts if part)


@dataclass(frozen=True)
class Cost:
    """Of a net with a frame every cycle, by the cost model; `counted`: LUTs by synthesis, where that has been asked for."""

    lut: int
    ff: int
    clock_ns: float
    registers_every: int
    latency_cycles: int
    counted: int | None = None

    @property
    def latency_ns(self) -> float:
        return self.latency_cycles * self.clock_ns

    @property
    def luts(self) -> int:
        return self.lut if self.counted is None else self.counted


@dataclass(frozen=True)
class Priced:
    """A rung and its cost; None: far beyond the budget, `roughly` so many LUTs."""

    rung: Rung
    cost: Cost | None
    roughly: int

    def within(self, budget: Budget, factor: float = 1.0) -> bool:
        """Whether the estimate, times `factor` where nothing has been counted, keeps the budget."""
        if self.cost is None:
            return False
        lut = self.cost.luts if self.cost.counted is not None else self.cost.lut * factor
        return (budget.lut is None or lut <= budget.lut) and (budget.latency_ns is None or self.cost.latency_ns <= budget.latency_ns + 1e-9)


def price(rung: Rung, digits: int, budget: Budget) -> Priced:
    """What a rung costs, kept beside it."""
    roughly = round(LUT_A_DIGIT * digits)
    if roughly > (MOST_LUT if budget.lut is None else FAR * budget.lut):
        return Priced(rung, None, roughly)
    path = Path(rung.folder) / f"{rung.key}{cost_suffix(budget)}"
    if not path.is_file():
        write_json(path, asdict(cheapest(rung.onnx, budget)))
    return Priced(rung, Cost(**json.loads(path.read_text())), roughly)


def cost_suffix(budget: Budget) -> str:
    """The end of the name of the file that keeps a rung's cost: it depends on the part, the clock and the latency."""
    low, high = budget.clock_ns
    return f".cost-{family_of(budget.part)}-{low:g}-{high:g}-{budget.latency_ns or 0:g}.json"


def cheapest(model: Path, budget: Budget) -> Cost:
    """With the fewest adders between registers, and so the shortest period, that keep the latency; where none does, the least latency.
    (Fewer registers save flip-flops, and take no fewer LUTs.)"""
    accelerator = simplify(import_model(model).accelerator).accelerator
    best = None
    for choice in clock_choices(accelerator, family_of(budget.part), Wanted(budget.clock_ns, ii=1), styles=("unrolled",), tried=ADDERS):
        best = choice if best is None or choice.latency_ns < best.latency_ns else best
        if budget.latency_ns is None or best.latency_ns <= budget.latency_ns:
            break
    if best is None:
        raise ValueError(f"a clock of {budget.clock_ns[0]:g} to {budget.clock_ns[1]:g} ns suits no number of adders from 1 to {ADDERS[-1]}")
    total = best.built.total
    return Cost(round(total.lut), round(total.ff), best.clock_ns, best.registers_every, best.built.last)


def front(priced: list[Priced], budget: Budget) -> list[Priced]:
    """Those within the latency that no other one beats in LUTs and accuracy, the smallest first."""
    timely = Budget(None, budget.latency_ns, None, budget.part, budget.clock)
    known = sorted((one for one in priced if one.within(timely)), key=lambda one: (one.cost.luts, -one.rung.accuracy))
    kept: list[Priced] = []
    for one in known:
        if not kept or one.rung.accuracy > kept[-1].rung.accuracy:
            kept.append(one)
    return kept


def chosen(priced: list[Priced], budget: Budget, float_accuracy: float, factor: float = 1.0) -> Priced | None:
    """The most accurate within the budget; with a loss allowed the smallest that keeps it. None where there is none."""
    within = [one for one in priced if one.within(budget, factor)]
    if budget.max_loss is not None:
        within = [one for one in within if one.rung.accuracy >= float_accuracy - budget.max_loss]
        return min(within, key=lambda one: (one.cost.luts, -one.rung.accuracy), default=None)
    return max(within, key=lambda one: (one.rung.accuracy, -one.cost.luts), default=None)
