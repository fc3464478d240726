"""Makes jets: Pythia events, a parametrised detector, anti-kT jets, mMDT grooming and the 16 features.

Needs the optional packages of requirements/jets.txt; nothing outside this package imports them.
"""
