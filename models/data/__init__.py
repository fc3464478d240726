"""Data sets: the shipped jets, the published ones, a user's own table; and the generator of the shipped ones.

`load_dataset` is the one door. Nothing here needs torch; only `generator/` needs Pythia and FastJet.
"""

from models.data.dataset import Dataset, Part
from models.data.load import load_dataset

__all__ = ["Dataset", "Part", "load_dataset"]
