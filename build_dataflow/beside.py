"""Work that is begun in one step of a build and needed in a later one: it runs beside those in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from finn_steps.tools.processes import side_by_side

Result = TypeVar("Result")
_begun: ContextVar[tuple[ThreadPoolExecutor, dict[str, Future]] | None] = ContextVar("begun", default=None)


@contextmanager
def beside_steps() -> Iterator[None]:
    """The time in which work may be begun. Leaving it by an exception ends what the work has started."""
    with side_by_side(2) as pool:
        token = _begun.set((pool, {}))
        try:
            yield
        finally:
            _begun.reset(token)


def begin(name: str, work: Callable[..., Result], *arguments) -> None:
    """Begin work(*arguments), where there is beside_steps()."""
    if (begun := _begun.get()) is not None:
        pool, futures = begun
        futures[name] = pool.submit(work, *arguments)


def result_of(name: str, work: Callable[..., Result], *arguments) -> Result:
    """What the work of this name gave, or raised; work(*arguments) where it was not begun."""
    begun = _begun.get()
    future = begun[1].pop(name, None) if begun else None
    return work(*arguments) if future is None else future.result()
