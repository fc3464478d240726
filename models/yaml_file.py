"""Reading YAML of anyone's: plain values only, and no more of them than a description has."""

from __future__ import annotations

from pathlib import Path

import yaml

MOST_BYTES = 2**20
MOST_NODES = 100_000
"""Values in all, one that stands in several places counted in each."""
MOST_DEPTH = 50


def read_yaml(path: Path):
    """What is in the file. ValueError, naming the file, for what is no YAML, is too large or holds more than plain values."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size / 2**20:.1f} MB; supported: up to {MOST_BYTES / 2**20:.0f} MB")
    try:
        text = path.read_text()
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _count(root)
        return yaml.safe_load(text)
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply; supported: {MOST_DEPTH} levels") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _count(root: yaml.Node | None) -> None:
    """ValueError where the values, written out, are too many, too deep, or endless."""
    measured: dict[int, tuple[int, int]] = {}

    def measure(node: yaml.Node, depth: int) -> tuple[int, int]:
        """(values, levels) of a node."""
        if isinstance(node, yaml.ScalarNode):
            return 1, 1
        if id(node) not in measured:
            parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
            below = [measure(part, depth + 1) for part in parts] if depth < MOST_DEPTH else [(0, MOST_DEPTH)]
            measured[id(node)] = 1 + sum(size for size, _ in below), 1 + max((levels for _, levels in below), default=0)
        return measured[id(node)]

    size, levels = (0, 0) if root is None else measure(root, 0)
    if levels > MOST_DEPTH:
        raise ValueError(f"nested too deeply, or within itself; supported: {MOST_DEPTH} levels")
    if size > MOST_NODES:
        raise ValueError(f"more than {MOST_NODES:,} values; supported: up to as many")
