"""Modules that are not imported: what FINN imports at its start and a build never calls costs half of that start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class StandIn:
    """In the place of a function or class of a module that was not imported; it cannot be called."""

    def __new__(cls, *args, **kwargs):
        raise RuntimeError(f"{cls.__module__}.{cls.__name__} was left out when qapflow started FINN: no step of a build uses it")


class _Finder(MetaPathFinder, Loader):
    """Finds the modules `names` and all below them: one that has whatever is asked of it."""

    def __init__(self, names: tuple[str, ...]):
        self.names = names

    def within(self, fullname: str) -> bool:
        return any(fullname == name or fullname.startswith(f"{name}.") for name in self.names)

    def find_spec(self, fullname, path=None, target=None):
        return ModuleSpec(fullname, self, is_package=True) if self.within(fullname) else None

    def create_module(self, spec):
        module = ModuleType(spec.name)
        module.__getattr__ = lambda name: _attribute(spec.name, name)
        return module

    def exec_module(self, module):
        pass


def _attribute(module: str, name: str) -> type[StandIn]:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (StandIn,), {"__module__": module})


@contextmanager
def left_out(*modules: str) -> Iterator[None]:
    """Within, an import of one of `modules`, or below it, gives a stand-in; but for those that were imported before. Afterwards
    importing them gives the real ones."""
    finder = _Finder(tuple(name for name in modules if name not in sys.modules))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in filter(finder.within, list(sys.modules)):
            package, _, module = name.rpartition(".")
            if package in sys.modules:
                vars(sys.modules[package]).pop(module, None)
            del sys.modules[name]
