"""Evaluation protocols: one file each, found by its name (`lab_svg.py` is the protocol `lab-svg`).

A protocol's module holds `PROTOCOL`, a frozen `Protocol`. Those with a `source` restate a published
evaluator: their docstrings say what its code does, and what of it is not imitated.
"""
