"""The leading anti-kT jet of each event and its mMDT grooming, with FastJet."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np

from models.data.generator.detector import Candidates

RADIUS = 0.4
MIN_PT = 100.0
MMDT_ZCUT = 0.1
fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
_ANTI_KT = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
_CAMBRIDGE_AACHEN = fastjet.JetDefinition(fastjet.cambridge_algorithm, 1.0)


@dataclass(frozen=True, eq=False)
class Jets:
    """Jets as ragged arrays of constituents: `p` float64 [N, 4] (px, py, pz, E in GeV) one jet after another, `sizes` int64
    [jets]."""

    p: np.ndarray
    sizes: np.ndarray

    def select(self, keep: np.ndarray) -> Jets:
        """The jets where `keep` (bool [jets]) holds."""
        return Jets(self.p[np.repeat(keep, self.sizes)], self.sizes[keep])


def leading_jets(candidates: Candidates) -> Jets:
    """The anti-kT jet (R = 0.4, pT > 100 GeV) of highest pT of each event that has one."""
    sizes = np.bincount(candidates.event)
    sizes = sizes[sizes > 0]
    sequence = fastjet.ClusterSequence(_ragged(candidates.p, sizes), _ANTI_KT)
    jets = sequence.inclusive_jets(min_pt=MIN_PT)
    leading = ak.argmax(jets.px**2 + jets.py**2, axis=1, keepdims=True)
    members = ak.flatten(sequence.constituent_index(min_pt=MIN_PT)[leading], axis=2)
    members = ak.fill_none(members, [], axis=0)
    counts = ak.to_numpy(ak.num(members, axis=1)).astype(np.int64)
    start = np.cumsum(sizes) - sizes
    index = ak.to_numpy(ak.flatten(members, axis=1)).astype(np.int64) + np.repeat(start, counts)
    return Jets(candidates.p[index], counts[counts > 0])


def groom(jets: Jets) -> Jets:
    """mMDT: recluster with Cambridge/Aachen and undo it, dropping the softer branch, until the softer of two branches has more
    than 10 % of their pT (SoftDrop with beta = 0). A jet with no such splitting keeps its last constituent."""
    sequence = fastjet.ClusterSequence(_ragged(jets.p, jets.sizes), _CAMBRIDGE_AACHEN)
    result = sequence.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=MMDT_ZCUT).constituents
    sizes = ak.to_numpy(ak.num(result, axis=1)).astype(np.int64)
    flat = ak.flatten(result, axis=1)
    return Jets(np.stack([ak.to_numpy(flat[axis]) for axis in ("px", "py", "pz", "E")], axis=1), sizes)


def _ragged(p: np.ndarray, sizes: np.ndarray) -> ak.Array:
    fields = dict(zip(("px", "py", "pz", "E"), np.ascontiguousarray(p.T)))
    return ak.unflatten(ak.Array(fields), sizes)
