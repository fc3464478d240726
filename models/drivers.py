"""Who runs the fits of a training. A training is a generator that yields a Task where a fit is to be done and is sent its Fit:
so the same code trains one net alone, or several as one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from models.fitting import Diverged, Fit, Task, fit, fit_together
from models.learners import stack_key

Training = Generator[Task, Fit, Any]


def alone(training: Training) -> Any:
    """Run `training` to its end; what it returns. Raises what it raises, Diverged included."""
    try:
        task = next(training)
        while True:
            try:
                done = fit(task)
            except Diverged as fault:
                task = training.throw(fault)
            else:
                task = training.send(done)
    except StopIteration as end:
        return end.value


def together(trainings: Sequence[Training]) -> list[Any]:
    """Run all of `trainings` to their ends; what each returns. Fits that they have at the same time, and that can be stacked,
    are done as one; a training that handles its Diverged leaves the others going."""
    results: list[Any] = [None] * len(trainings)
    waiting: dict[int, Task] = {}

    def advance(i: int, proceed, *value) -> None:
        try:
            waiting[i] = proceed(*value)
        except StopIteration as end:
            results[i] = end.value

    for i, training in enumerate(trainings):
        advance(i, next, training)
    while waiting:
        key = stack_key(waiting[min(waiting)])
        group = {i: waiting.pop(i) for i in sorted(waiting) if stack_key(waiting[i]) == key}
        for i, outcome in zip(group, fit_together(list(group.values()))):
            training = trainings[i]
            advance(i, training.throw if isinstance(outcome, Diverged) else training.send, outcome)
    return results
