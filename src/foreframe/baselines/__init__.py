"""Baselines: models without weights to learn that every score stands beside. One file each, found by its name."""
