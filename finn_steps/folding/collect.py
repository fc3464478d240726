"""In which cycles finished rows are taken from the processing elements of a folded layer, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from finn_steps.folding.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Collection:
    """Unit u takes from PEs u, u + units, ... All units take in the same cycles.

    first, last  the first and last cycle of taking, counted like the schedule's; less than its `cycles` apart
    take         bool [cycles], from `first` on
    chosen       int64 [cycles, units], the PE from which each unit takes
    rows         int64 [beats, units], the row that each unit takes with each take, -1 for none
    """

    units: int
    first: int
    last: int
    take: np.ndarray
    chosen: np.ndarray
    rows: np.ndarray


def collect(plan: Schedule) -> Collection:
    """The collection with the fewest units. A row is taken before its PE finishes the next one."""
    PE = len(plan.rows)
    for units in range(1, PE + 1):
        if PE % units == 0:
            found = _try(plan, units)
            if found is not None:
                return found
    raise AssertionError("one unit for each PE is always enough")


def _try(plan: Schedule, units: int) -> Collection | None:
    """Earliest deadline first. A take is made when a row must be taken now, or when every unit that has rows left has one."""
    T = plan.cycles
    jobs = [[] for _ in range(units)]
    for pe, (rows, finish) in enumerate(zip(plan.rows, plan.finish)):
        for row, at, until in zip(rows, finish, (*finish[1:], finish[0] + T)):
            jobs[pe % units].append((until - 1, at, pe, row))
    for unit_jobs in jobs:
        unit_jobs.sort(key=lambda job: -job[1])
    ready: list[list[tuple]] = [[] for _ in range(units)]
    first, takes = None, []
    for cycle in range(2 * T):
        for unit_jobs, unit_ready in zip(jobs, ready):
            while unit_jobs and unit_jobs[-1][1] <= cycle:
                heappush(unit_ready, unit_jobs.pop())
        if not any(jobs) and not any(ready):
            break
        urgent = any(unit_ready[0][0] <= cycle for unit_ready in ready if unit_ready)
        full = all(unit_ready or not unit_jobs for unit_ready, unit_jobs in zip(ready, jobs))
        if not (urgent or full or (cycle >= T - 1 and any(ready))):
            continue
        first = cycle if first is None else first
        chosen = [heappop(unit_ready) if unit_ready else None for unit_ready in ready]
        if any(job is not None and job[0] < cycle for job in chosen):
            return None
        takes.append((cycle, chosen))
    if any(jobs) or any(ready) or first > T - 1 or takes[-1][0] >= first + T:
        return None
    take, chosen_pe = np.zeros(T, dtype=bool), np.zeros((T, units), dtype=np.int64)
    rows = np.full((len(takes), units), -1, dtype=np.int64)
    for beat, (cycle, chosen) in enumerate(takes):
        take[cycle - first] = True
        for unit, job in enumerate(chosen):
            if job is not None:
                chosen_pe[cycle - first, unit] = job[2]
                rows[beat, unit] = job[3]
    return Collection(units, first, takes[-1][0], take, chosen_pe, rows)
