"""Parts of ``benchmarks/rungs.py``: training, curves, statistics, replays, features, tables."""
