"""The Hugging Face Hub: models and data sets are fetched from it, models are pushed to it.

Everything goes through huggingface-hub (extra `hub`), which keeps its own cache, tokens and
settings (`HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`).
"""

from .addresses import HubAddress, dataset_at, meant_model, model_at
from .door import page_of
from .downloading import Fetched, fetch, fetch_apart
from .pushing import check_push, push

__all__ = [
    "Fetched",
    "HubAddress",
    "check_push",
    "dataset_at",
    "fetch",
    "fetch_apart",
    "meant_model",
    "model_at",
    "page_of",
    "push",
]
