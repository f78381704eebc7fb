"""`energy_16`: the energy score of patches of 16 x 16 pixels, about the size of an object."""

from ._energy import energy_metric

METRIC = energy_metric(16)
