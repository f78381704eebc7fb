"""Muon: momentum whose matrices are made orthogonal, with AdamW for everything else.

A matrix moves by the same amount in every direction that its gradients take, however rarely they
take it; AdamW, which scales numbers one by one, follows the few directions that dominate.

Letters: O rows (outputs), I columns (inputs; a kernel's inputs and pixels together).

References: Jordan et al. 2024 (kellerjordan.github.io/posts/muon) for the method and the
    polynomial; Liu et al. 2025 (arXiv 2502.16982), equation 4, for the scale that lets matrices
    share the learning rate and the weight decay of AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

_POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # steep at 0, so that five rounds are enough
_ROUNDS = 5
_LIKE_ADAMW = 0.2  # root mean square of an update of AdamW, in learning rates


def is_matrix(parameter: Tensor) -> bool:
    """Return whether Muon can make updates of a parameter orthogonal.

    >>> is_matrix(torch.zeros(8, 3, 3, 3)), is_matrix(torch.zeros(8)), is_matrix(torch.zeros(1, 8))
    (True, False, False)
    """
    return parameter.ndim >= 2 and min(parameter.flatten(1).shape) > 1


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the matrix [O, I] with all its singular values near 1 (0.7 to 1.2), by Newton-Schulz
    iteration.

    >>> orthogonal(torch.diag(torch.tensor([1.0, 0.1]))).diagonal().sub(1).abs().max() < 0.4
    tensor(True)
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp_min(1e-12)
    linear, cubic, quintic = _POLYNOMIAL
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic), x, beta=linear)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for matrices and kernels, fused AdamW for all other parameters.

    Args:
        parameters: what to train.
        lr: step size, of both.
        betas: decays of AdamW's moments.
        weight_decay: decoupled decay of matrices and kernels.
        momentum: decay of the mean of the matrices' gradients.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> optimiser = Muon(layer.parameters(), lr=1e-3)
        >>> layer(torch.ones(1, 3)).sum().backward()
        >>> optimiser.step()
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in parameters:
            (matrices if is_matrix(parameter) else others).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": weight_decay, "orthogonal": True},
            {"params": others, "weight_decay": 0.0, "orthogonal": False},
        ]
        super().__init__(groups, {"lr": lr, "betas": betas, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            (self._orthogonal_step if group["orthogonal"] else self._adamw_step)(group)
        return loss

    def _orthogonal_step(self, group: dict[str, Any]) -> None:
        kept = 1 - group["momentum"]
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            mean = state["momentum"].lerp_(parameter.grad, kept)
            ahead = parameter.grad.lerp(mean, group["momentum"]).flatten(1)  # Nesterov
            update = orthogonal(ahead)
            scale = _LIKE_ADAMW * max(update.shape) ** 0.5
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * scale)

    def _adamw_step(self, group: dict[str, Any]) -> None:
        given = [p for p in group["params"] if p.grad is not None]
        for parameter in given:
            if not self.state[parameter]:
                self.state[parameter].update(
                    step=torch.zeros((), device=parameter.device),
                    exp_avg=torch.zeros_like(parameter),
                    exp_avg_sq=torch.zeros_like(parameter),
                )
        states = [self.state[p] for p in given]
        beta1, beta2 = group["betas"]
        adamw(
            given,
            [p.grad for p in given],
            [s["exp_avg"] for s in states],
            [s["exp_avg_sq"] for s in states],
            [],
            [s["step"] for s in states],
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )
