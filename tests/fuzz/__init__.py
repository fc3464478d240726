"""A differential fuzzer of the importer: random networks by the real exporters, each held against its own untouched file.

`python -m tests.fuzz --networks 2000 --seed 0` runs it for long, test_fuzz.py runs 200 networks. What a network is: network.py.
Who is right: judge.py, which knows nothing of the importer.
"""
