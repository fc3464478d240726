"""The set that comes with qapflow: 60,000 jets of our own making. docs: models/data/qapjets.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.data.dataset import Dataset
from models.data.files import sha256_of
from models.data.table import load_table

NAME = "qapjets"
FILE = Path(__file__).parent / "qapjets.npz"
SHA256 = "8e6e0083b096e5d31765b1788299ae8f3b65745546fa36b20425ae0987f14356"


def load_shipped(file: Path = FILE) -> Dataset:
    """The shipped jets. Raises FileNotFoundError when the file is gone and ValueError when it is not the one shipped."""
    if not file.exists():
        raise FileNotFoundError(f"{file}: the shipped jet set is missing: bring it back with `git checkout -- models/data`")
    if (actual := sha256_of(file)) != SHA256:
        raise ValueError(
            f"{file}: sha256 {actual[:12]}… is not that of the shipped set ({SHA256[:12]}…): bring it back with "
            "`git checkout -- models/data`"
        )
    return replace(load_table(file), name=NAME)
