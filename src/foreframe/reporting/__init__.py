"""Reports: plots, the page of a run, comparisons, previews of a store, and model folders to hand
on.
"""

from .page import plot, report
from .previewing import preview
from .publishing import publish

__all__ = ["plot", "preview", "publish", "report"]
