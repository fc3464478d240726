"""The other packages must be ours: `models` and `deploy` are names that a user's own folder may have too."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
PACKAGES = ("finn_steps", "models", "deploy")


def check_names(home: Path = HOME, packages: tuple[str, ...] = PACKAGES) -> None:
    """ImportError, naming what stands in the way, where Python would find another module under the name of one of our packages."""
    for name in packages:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found and found != home / name / "__init__.py":
            raise ImportError(f"qapflow's package '{name}' is hidden by {found}: rename that, start from another folder, or put {home} first "
                              "on PYTHONPATH")
