"""`energy_4`: the energy score of patches of 4 x 4 pixels.

Like `crps`, but of vectors: it sees blur, and neighbours that do not agree, where each number by
itself is well distributed.
"""

from ._energy import energy_metric

METRIC = energy_metric(4)
