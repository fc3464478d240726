"""Lets FINN be imported and run without Vivado: what it insists on finding is there, and whatever would need Vivado says so."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from finn_steps.finn.stand_ins import left_out

NO_VIVADO = "/no-vivado"
LEFT_OUT = ("torch", "sklearn", "pandas", "sympy", "scipy", "networkx", "finn.builder.passes")
"""What FINN imports for its layer norm and its softmax, for estimators of area that are not there, for arithmetic with sizes that have names,
for several FPGAs, and for another frontend."""


def prepare_finn(whole: bool = False) -> None:
    """Make `import finn...` work, and register our operators.

    finn.xsi looks for Vivado when one of its names is first used, and finn's builder does so at import; where there is none (no
    XILINX_VIVADO) every such name becomes a function that raises RuntimeError when called. FINN does without LEFT_OUT, and so what
    needs them cannot be used, but where `whole` is asked for and these are installed. FINN_BUILD_DIR, where FINN puts generated code, and
    FINN_SETTINGS are set where they are not, so that FINN reads and writes nothing in the home folder.
    """
    if "FINN_BUILD_DIR" not in os.environ:
        os.environ["FINN_BUILD_DIR"] = str(Path(tempfile.gettempdir()) / f"finn_build_{os.getuid()}")
    Path(os.environ["FINN_BUILD_DIR"]).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("FINN_SETTINGS", str(Path(os.environ["FINN_BUILD_DIR"]) / "settings.yaml"))
    import finn.xsi

    for name in () if Path(os.environ.get("XILINX_VIVADO", NO_VIVADO)).is_dir() else finn.xsi._LAZY_NAMES:
        if name not in vars(finn.xsi):
            setattr(finn.xsi, name, _needs_vivado(name))
    with left_out(*(name for name in LEFT_OUT if not whole or find_spec(name) is None)):
        import finn.builder.build_dataflow as build_dataflow

    build_dataflow.get_vivado_root = lambda: os.environ.get("XILINX_VIVADO", NO_VIVADO)
    import finn_steps.finn.custom_op  # noqa: F401  registers our operators


@contextmanager
def finn_build_folder(folder: Path | str) -> Iterator[None]:
    """FINN, ready to run, with its generated code in `folder` (made if need be, removed if it stays empty)."""
    before = {name: os.environ.get(name) for name in ("FINN_BUILD_DIR", "FINN_SETTINGS")}
    os.environ.update(FINN_BUILD_DIR=str(Path(folder).absolute()), FINN_SETTINGS=str(Path(folder).absolute() / "settings.yaml"))
    try:
        prepare_finn()
        _forget_settings()
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _forget_settings()
        if Path(folder).is_dir() and not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _forget_settings() -> None:
    """FINN reads its settings once; the next use reads them again."""
    import finn.util.settings

    finn.util.settings._SETTINGS = None


def _needs_vivado(name: str):
    def missing(*args, **kwargs):
        raise RuntimeError(f"finn.xsi.{name} simulates with Vivado, which is not here; qapflow simulates with Verilator")

    return missing
