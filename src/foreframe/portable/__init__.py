"""A model without PyTorch: three ONNX graphs, and a page that drives them in the browser."""

from .exporting import Exported, export
from .running import OnnxSession

__all__ = ["Exported", "OnnxSession", "export"]
