"""Experiments: one question, several arms, several seeds. One YAML file each, found by its name."""

from .running import experiment

__all__ = ["experiment"]
