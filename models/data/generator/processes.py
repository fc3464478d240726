"""The five jet classes and the Pythia settings that make each of them.

13 TeV proton collisions with Pythia's default Monash tune and multiparton interactions; the hard process is a pair of partons
or bosons at 995 < pT < 1005 GeV, and every boson decays to quarks.
"""

from __future__ import annotations

COMMON = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    "PhaseSpace:pTHatMin = 995.",
    "PhaseSpace:pTHatMax = 1005.",
)

_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
_HADRONIC_Z = ("23:onMode = off", "23:onIfAny = 1 2 3 4 5")

SETTINGS = {
    "g": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
    "q": ("HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on", "HardQCD:nQuarkNew = 3"),
    "t": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *_HADRONIC_W),
    "w": ("WeakDoubleBoson:ffbar2WW = on", *_HADRONIC_W),
    "z": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", *_HADRONIC_Z),
}

LONGITUDINAL = {"w": 24, "z": 23}
"""PDG codes of the bosons whose decays `polarisation` redraws; the W of a top keeps Pythia's own polarisation."""
