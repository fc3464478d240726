"""Energy correlators of many jets at once, in the pT and Delta R measure.

With z_i = pT_i / sum of pT and R_ij = sqrt((y_i - y_j)^2 + (phi_i - phi_j)^2), for each angular exponent b:

    e2  = sum over pairs    z_i z_j R_ij^b
    e3  = sum over triples  z_i z_j z_k (R_ij R_jk R_ik)^b
    1e3 = sum over triples  z_i z_j z_k (the smallest of R_ij, R_jk, R_ik)^b
    2e3 = sum over triples  z_i z_j z_k (the product of the two smallest)^b

Sources: Larkoski, Salam, Thaler (arXiv:1305.0007); Larkoski, Moult, Neill (arXiv:1409.6298); Moult, Necib, Thaler (arXiv:1609.07483).
Jets of similar size are handled in groups, padded with constituents of z = 0; a group is the last axis of every array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GROUP = 16
BETAS = (1, 2)


@dataclass(frozen=True, eq=False)
class Correlators:
    """`e2` has exponents 0, 1, 2 as columns: float64 [jets, 3]. The others have 1, 2: float64 [jets, 2]."""

    e2: np.ndarray
    e3: np.ndarray
    e3_smallest: np.ndarray
    e3_two_smallest: np.ndarray


def correlators(z: np.ndarray, rapidity: np.ndarray, phi: np.ndarray, sizes: np.ndarray) -> Correlators:
    """Correlators of ragged jets: `z`, `rapidity` and `phi` (radian) are float64 [sum of sizes], one jet after another."""
    columns = np.zeros((len(sizes), 9))
    starts = np.cumsum(sizes) - sizes
    order = np.argsort(sizes, kind="stable")
    for first in range(0, len(order), GROUP):
        group = order[first : first + GROUP]
        slots = np.arange(sizes[group].max())[:, None]
        inside = slots < sizes[group]
        where = np.where(inside, starts[group] + slots, 0)
        columns[group] = _padded(np.where(inside, z[where], 0.0), rapidity[where], phi[where])
    return Correlators(columns[:, :3], columns[:, 3:5], columns[:, 5:7], columns[:, 7:9])


def _padded(z: np.ndarray, rapidity: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """The nine sums [jets, 9] of jets of equal padded size; arguments are [constituents, jets]."""
    n = len(z)
    j, i = np.tril_indices(n, -1)
    weight = z[i] * z[j]
    angle = np.hypot(rapidity[i] - rapidity[j], np.abs((phi[i] - phi[j] + np.pi) % (2.0 * np.pi) - np.pi))
    sums = np.zeros((9, z.shape[1]))
    sums[0] = weight.sum(axis=0)
    sums[1] = (weight * angle).sum(axis=0)
    sums[2] = (weight * angle**2).sum(axis=0)
    for k in range(2, n):
        pairs = k * (k - 1) // 2
        side = angle[pairs : pairs + k]
        sums[3:] += z[k] * _triples(weight[:pairs], angle[:pairs], side.take(i[:pairs], axis=0), side.take(j[:pairs], axis=0))
    return sums.T


def _triples(weight: np.ndarray, ij: np.ndarray, ik: np.ndarray, jk: np.ndarray) -> np.ndarray:
    """[6, jets]: the triple sums with one constituent k fixed, over all pairs i < j < k; arguments are [pairs, jets]."""
    both = ik * jk
    np.minimum(ik, jk, out=ik)
    np.multiply(ij, ik, out=jk)
    two_smallest = np.minimum(jk, both, out=jk)
    product = np.multiply(ij, both, out=both)
    smallest = np.minimum(ij, ik, out=ik)
    sums = []
    for angle in (product, smallest, two_smallest):
        weighted = weight * angle
        sums += [weighted.sum(axis=0), np.einsum("pj,pj->j", weighted, angle)]
    return np.stack(sums)
