"""Ours: drives of a hundred steps, as on the page: what stays a world, and what falls apart."""

from ..protocol import PROPER_FIRST, Protocol

PROTOCOL = Protocol(
    name="drive-100",
    n_past=None,
    horizon=100,
    every=None,
    samples=3,
    metrics=PROPER_FIRST,
    about="100 predicted frames whatever the run was trained on; in worlds that log their objects "
    "the share of untouched ones that are kept, the error of moved ones, the arm's overlap",
    controls=False,
)
