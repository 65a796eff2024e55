"""Benchmarks: each prints a readable table and writes var/bench/NAME.json. `python -m bench NAME`, or none for all."""
