"""The yardstick for `pose`: its training step and rollout as published, one frame at a time. Not
part of the library.

Letters: B clips, T frames, C channels, H height, W width, Z = 12 latent channels.
Written from the description of the published system: in each step the frame before, the target and
the label are encoded anew, and one frame is generated at full resolution from everything
concatenated. Faults of the published code that change the function (the target replaced by the
prediction, z of the prior in training) are left out, so that the same function is timed.
"""

from __future__ import annotations

from collections.abc import Container

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.conv1(x), 0.01)
        return F.leaky_relu(self.conv2(hidden), 0.01) + self.skip(x)


class Depthwise(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, inputs, 1)
        self.depth = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.second = nn.Conv2d(inputs, outputs, 1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.wide = nn.Conv2d(outputs, 4 * outputs, 1)
        self.thin = nn.Conv2d(2 * outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.depth(F.leaky_relu(self.first(x), 0.01))) + self.skip(x)
        a, b = self.wide(x).chunk(2, 1)
        return x + self.thin(a * F.leaky_relu(b, 0.1))


class PublishedPose(nn.Module):
    """The published networks and loops."""

    def __init__(self) -> None:
        super().__init__()
        self.rgb = nn.Sequential(
            Residual(3, 16), Depthwise(16, 16), Residual(16, 32), Depthwise(32, 32),
            Residual(32, 64), Depthwise(64, 64), nn.Conv2d(64, 128, 3, padding=1),
        )  # fmt: skip
        self.label = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, 16, 7), nn.BatchNorm2d(16), Residual(16, 32)
        )
        self.gaussian = nn.Sequential(
            Residual(160, 3),
            Depthwise(3, 3),
            Residual(3, 6),
            Depthwise(6, 6),
            Residual(6, 12),
            nn.Conv2d(12, 24, 1),
        )
        self.fusion = nn.Sequential(
            Depthwise(172, 172), Residual(172, 43), Depthwise(43, 86), Residual(86, 86),
            Depthwise(86, 96), nn.Conv2d(96, 192, 1),
        )  # fmt: skip
        self.generator = nn.Sequential(
            Depthwise(192, 192), Residual(192, 96), Depthwise(96, 96), Residual(96, 48),
            Depthwise(48, 48), Residual(48, 24), Depthwise(24, 24), nn.Conv2d(24, 3, 1),
        )  # fmt: skip

    def optimisers(self) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.Adam(self.parameters(), lr=1e-3)]

    def generate(self, code: Tensor, label: Tensor, z: Tensor) -> Tensor:
        return self.generator(self.fusion(torch.cat([code, label, z], 1)))

    def loss(
        self, frames: Tensor, labels: Tensor, noise: Tensor, beta: float, forced: Container[int]
    ) -> Tensor:
        """Sum over t = 1 ... T - 1 of MSE + beta KL, for frames and labels [B, T, 3, H, W], noise
        [T - 1, B, Z, H, W].
        """
        total = frames.new_zeros(())
        own = None
        for t in range(1, frames.shape[1]):
            before = frames[:, t - 1] if own is None or t in forced else own.clamp(0, 1)
            code, target, label = self.rgb(before), self.rgb(frames[:, t]), self.label(labels[:, t])
            mean, logvar = self.gaussian(torch.cat([target, label], 1)).chunk(2, 1)
            own = self.generate(code, label, mean + noise[t - 1] * torch.exp(logvar / 2))
            kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1).mean()
            total = total + F.mse_loss(own, frames[:, t]) + beta * kl
        return total

    @torch.no_grad()
    def future(self, frame: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        """From one frame [B, 3, H, W] and labels [B, T, 3, H, W] the frames 1 ... T - 1.

        [B, T - 1, 3, H, W].
        """
        made = []
        for t in range(1, labels.shape[1]):
            frame = self.generate(self.rgb(frame), self.label(labels[:, t]), noise[t - 1]).clamp(
                0, 1
            )
            made.append(frame)
        return torch.stack(made, 1)
