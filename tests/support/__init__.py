"""The parts that tests and benchmarks share: servers, databases, programs to kill, and checks of stores after that.

`tests` is on the path by a line of `pyproject.toml`, and for a benchmark by one of its own: `from support.… import …`.
"""
