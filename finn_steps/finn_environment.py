"""Lets FINN be imported and run without Vivado: what it insists on finding is there, and whatever would need Vivado says so."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

NO_VIVADO = "/no-vivado"


def prepare_finn(build_folder: Path | str | None = None) -> None:
    """Make `import finn...` work. `build_folder` is where FINN puts generated code (FINN_BUILD_DIR); it is created.

    finn.xsi looks for Vivado when one of its names is first used, and finn's builder does so at import; every such name
    becomes a function that raises RuntimeError when called. Without a folder, an existing FINN_BUILD_DIR is kept.
    """
    if build_folder is not None or "FINN_BUILD_DIR" not in os.environ:
        folder = Path(build_folder or Path(tempfile.gettempdir()) / f"finn_build_{os.getuid()}").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["FINN_BUILD_DIR"] = str(folder)
        _forget_settings()
    import finn.xsi

    for name in finn.xsi._LAZY_NAMES:
        if name not in vars(finn.xsi):
            setattr(finn.xsi, name, _needs_vivado(name))
    import finn.builder.build_dataflow as build_dataflow

    build_dataflow.get_vivado_root = lambda: os.environ.get("XILINX_VIVADO", NO_VIVADO)
    import finn_steps.custom_op  # noqa: F401  registers our operators


def _forget_settings() -> None:
    import finn.util.settings

    finn.util.settings._SETTINGS = None


def _needs_vivado(name: str):
    def missing(*args, **kwargs):
        raise RuntimeError(f"finn.xsi.{name} simulates with Vivado, which is not here; qapflow simulates with Verilator")

    return missing
