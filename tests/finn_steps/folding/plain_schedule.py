"""The loops of schedules in plain Python: what schedule.cpp is held to."""

from __future__ import annotations

import numpy as np


def deal_rows(work: np.ndarray, PE: int, SIMD: int) -> list[list[int]]:
    """Rows for each PE, by their nonzeros int64 [MH]: the longest first to the least loaded, then exchanges of pairs."""
    work = np.maximum(work, 1)
    rows: list[list[int]] = [[] for _ in range(PE)]
    load = np.zeros(PE, dtype=np.int64)
    for row in np.argsort(-work, kind="stable"):
        pe = min(range(PE), key=lambda p: (load[p], len(rows[p])))
        rows[pe].append(int(row))
        load[pe] += work[row]
    for _ in range(50 * PE):
        if not _exchange(rows, load, work, int(np.argmax(load))):
            break
    return rows


def _exchange(rows: list[list[int]], load: np.ndarray, work: np.ndarray, top: int) -> bool:
    """Move a row from the most loaded PE, or swap two, so that the greater of the two loads falls."""
    best, change = load[top], None
    for other in range(len(rows)):
        gap = load[top] - load[other]
        if gap < 2:
            continue
        for a in rows[top]:
            for b in [None, *rows[other]]:
                delta = work[a] - (work[b] if b is not None else 0)
                if 0 < delta < gap and max(load[top] - delta, load[other] + delta) < best:
                    best, change = max(load[top] - delta, load[other] + delta), (other, a, b, delta)
    if change is None:
        return False
    other, a, b, delta = change
    rows[top].remove(a)
    rows[other].append(a)
    if b is not None:
        rows[other].remove(b)
        rows[top].append(b)
    load[top] -= delta
    load[other] += delta
    return True


def divide_columns(nonzero: np.ndarray, dealt: list[list[int]], owners: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [MW]: an owner for each input, at most ceil(MW / owners) each, so that the owners' work is even in every row and PE."""
    MW = nonzero.shape[1]
    if owners == 1:
        return np.zeros(MW, dtype=np.int64)
    if owners == MW:
        return np.arange(MW)
    # A column is described by its nonzeros in each row and, weighed more, in each PE.
    features = np.concatenate([nonzero, 2.0 * np.array([nonzero[rows].sum(0) for rows in dealt])]).T.astype(float)
    order = np.argsort(-features.sum(1), kind="stable")
    capacity, load = np.full(owners, -(-MW // owners)), np.zeros((owners, features.shape[1]))
    owner = np.empty(MW, dtype=np.int64)
    for column in order:
        cost = load @ features[column] + np.where(capacity > 0, 0, np.inf)
        owner[column] = int(np.argmin(cost))
        capacity[owner[column]] -= 1
        load[owner[column]] += features[column]
    for a, b in rng.integers(0, MW, (min(20_000, 60 * MW), 2)):
        one, two = owner[a], owner[b]
        if one != two:
            difference = features[a] - features[b]
            if difference @ (load[two] - load[one] + difference) < -1e-9:
                load[one] -= difference
                load[two] += difference
                owner[a], owner[b] = two, one
    return owner


def pack_pe(nonzero, rows: list[int], owners: int, owner: np.ndarray, SIMD: int, ahead: bool, rule: float | np.ndarray | None):
    """One PE: its rows in order, the cycle in which each finishes, and what each lane takes and for which row, by cycle.

    In each cycle every owner's lanes take inputs of the current row, then, if `ahead`, of the next. The rows' order is `rule`, or
    begins with the longest; the next is then the one whose work is most where the lanes would else be idle, or, where the rule
    is a backlog, the one that brings what is left to do when the current row is done nearest to so many cycles of all lanes.
    """
    ports, queues, counts = SIMD // owners, *_queues(nonzero[rows], owners, owner)
    fixed = isinstance(rule, np.ndarray)
    left = np.array([rows.index(row) for row in rule]) if fixed else np.argsort(-counts.sum(1), kind="stable")
    order, finish, columns, aheads = [], [], [], []
    current, following, left = int(left[0]) if rows else None, None, left[1:]
    while current is not None:
        if following is None and len(left):
            place = 0 if fixed else _next_row(counts[current], counts[left], ports, rule)
            following, left = int(left[place]), np.delete(left, place)
        taken, later = np.full(SIMD, -1, dtype=np.int64), np.zeros(SIMD, dtype=bool)
        for row in (current, following) if ahead and following is not None else (current,):
            for o in np.flatnonzero(counts[row]).tolist():
                for lane in range(o, SIMD, owners):
                    if taken[lane] < 0 and queues[row][o]:
                        taken[lane], later[lane] = queues[row][o].pop(), row != current
                        counts[row, o] -= 1
        columns.append(taken)
        aheads.append(later)
        if not counts[current].any():
            order.append(rows[current])
            finish.append(len(columns) - 1)
            current, following = following, None
    return order, finish, columns, aheads


def _queues(nonzero: np.ndarray, owners: int, owner: np.ndarray) -> tuple[list[list[list[int]]], np.ndarray]:
    """For each row and owner the inputs that are to be taken, the first last, and how many: int64 [rows, owners]."""
    owned = [np.flatnonzero(owner == o)[::-1] for o in range(owners)]
    queues = [[inputs[row[inputs]].tolist() for inputs in owned] for row in nonzero]
    counts = np.array([[len(queue) for queue in row] for row in queues], dtype=np.int64).reshape(len(nonzero), owners)
    return queues, counts


def _next_row(current: np.ndarray, left: np.ndarray, ports: int, backlog: float | None) -> int:
    """Which row of `left`, int64 [rows, owners], goes well with what is left of the current one (_pack_pe)."""
    together = current + left
    if backlog is not None:
        wanted = ports * (max(1, -(-int(current.max()) // ports)) + backlog)
        return int(np.argmin(np.square(together - wanted).sum(1)))
    work, owners = together.sum(1), left.shape[1]
    idle = -(-together.max(1) // ports) * ports * owners - work
    return int(np.lexsort((-work, idle))[0])
