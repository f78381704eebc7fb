"""Models that come with foreframe, one folder each: weights, card, and clips to begin from.

`foreframe publish` makes such folders.
"""

from ._folders import folder, names

__all__ = ["folder", "names"]
