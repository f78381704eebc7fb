"""Reports: plots, the page of a run, comparisons, previews of a store, and model folders to hand
on.
"""

from .comparing import compare
from .page import plot, report
from .previewing import preview
from .publishing import publish

__all__ = ["compare", "plot", "preview", "publish", "report"]
