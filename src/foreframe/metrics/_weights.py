"""Files of weights that metrics need: what they are, and how they are told from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..errors import InputError

Weights = Mapping[str, Tensor]
"""Tensors by the name that a file has for them."""


@dataclass(frozen=True)
class WeightFile:
    """A kind of file of weights.

    Attributes:
        key: its name here.
        title: what it is and where it is from, in words.
        sign: the name and shape of a tensor that tells it from other files.
        published: how the SHA-256 of published files begins, and what they are.
        renamed: the layout's name of a tensor, from the name in a file; None for one that is not
            needed.
    """

    key: str
    title: str
    sign: tuple[str, tuple[int, ...]]
    published: Mapping[str, str] = field(default_factory=dict, hash=False)
    renamed: Callable[[str], str | None] = lambda name: name

    def tensors(self, file: Weights) -> dict[str, Tensor]:
        """Return the tensors of a file by the layout's names, without those that are not needed."""
        return {new: value for name, value in file.items() if (new := self.renamed(name))}

    def recognises(self, file: Weights) -> bool:
        """Return whether a file is of this kind."""
        name, shape = self.sign
        found = self.tensors(file).get(name)
        return found is not None and tuple(found.shape) == shape

    def known_as(self, sha256: str) -> str | None:
        """Return what the file with this hash was published as; None if that is not known here."""
        return next((t for begin, t in self.published.items() if sha256.startswith(begin)), None)


def load_into(module: nn.Module, weights: Weights, what: str) -> nn.Module:
    """Load tensors into a module, which is then in evaluation mode and wants no gradients.

    Counters of batches may be missing: files of before PyTorch 0.4.1 have none.

    Raises:
        InputError: a tensor is missing, unexpected, or of another shape.
    """
    expected = module.state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            if name.endswith("num_batches_tracked"):
                continue
            raise InputError(f"the weights of {what} lack {name}; expected {list(tensor.shape)}")
        if weights[name].shape != tensor.shape:
            raise InputError(
                f"the weights of {what} have {name} of shape {list(weights[name].shape)}; "
                f"expected {list(tensor.shape)}"
            )
    if unexpected := sorted(set(weights) - set(expected)):
        raise InputError(f"the weights of {what} have {unexpected[0]}, which it does not know")
    module.load_state_dict(
        {name: tensor.to(torch.float32) for name, tensor in weights.items()}, strict=False
    )
    return module.eval().requires_grad_(False)
