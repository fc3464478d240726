"""The fixed split of a data set: 60 % training, 15 % validation, 25 % test, each class in the same shares."""

from __future__ import annotations

import numpy as np

SPLIT_SEED = 1
SHARES = (0.60, 0.15, 0.25)
