"""The yardstick for `svg`: its training step and sampler as published, one frame at a time. Not
part of the library.

Letters: B clips, T frames, C channels, H height, W width, A condition, G code, Z latent.
Written from the description of the published system: a Python loop over time, in which the frame
before is encoded, the target is encoded to draw z, and one frame is decoded over a concatenation
with the skips; four Adams; samples drawn one by one. `encode_once` keeps what the target's encoding
gave for the next step, which is the easy half of what can be saved.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

import torch
from torch import Tensor, nn

Skips = list[Tensor]


def vgg(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)
    )


class Encoder(nn.Module):
    def __init__(
        self, colours: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        a, b, c, d = channels
        self.c1 = nn.Sequential(vgg(colours, a), vgg(a, a))
        self.c2 = nn.Sequential(vgg(a, b), vgg(b, b))
        self.c3 = nn.Sequential(vgg(b, c), vgg(c, c), vgg(c, c))
        self.c4 = nn.Sequential(vgg(c, d), vgg(d, d), vgg(d, d))
        self.c5 = nn.Sequential(nn.Conv2d(d, code, bottom), nn.BatchNorm2d(code), nn.Tanh())
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        h1 = self.c1(x)
        h2 = self.c2(self.pool(h1))
        h3 = self.c3(self.pool(h2))
        h4 = self.c4(self.pool(h3))
        return self.c5(self.pool(h4)).flatten(1), [h1, h2, h3, h4]


class Decoder(nn.Module):
    def __init__(
        self, colours: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        a, b, c, d = channels
        self.up1 = nn.Sequential(
            nn.ConvTranspose2d(code, d, bottom), nn.BatchNorm2d(d), nn.LeakyReLU(0.2)
        )
        self.up2 = nn.Sequential(vgg(2 * d, d), vgg(d, d), vgg(d, c))
        self.up3 = nn.Sequential(vgg(2 * c, c), vgg(c, c), vgg(c, b))
        self.up4 = nn.Sequential(vgg(2 * b, b), vgg(b, a))
        self.up5 = nn.Sequential(vgg(2 * a, a))
        self.last = nn.Sequential(nn.ConvTranspose2d(a, colours, 3, 1, 1), nn.Sigmoid())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, code: Tensor, skips: Skips) -> Tensor:
        x = self.up1(code[:, :, None, None])
        for stage, skip in zip(
            (self.up2, self.up3, self.up4, self.up5), reversed(skips), strict=True
        ):
            x = stage(torch.cat([self.up(x), skip], 1))
        return self.last(x)


class Lstm(nn.Module):
    """Linear, LSTM cells, heads. The hidden state lives in the module, as published."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.cells = nn.ModuleList(nn.LSTMCell(width, width) for _ in range(layers))
        self.hidden: list[tuple[Tensor, Tensor]] = []

    def clear(self, batch: int, like: Tensor) -> None:
        zeros = like.new_zeros(batch, self.embed.out_features)
        self.hidden = [(zeros, zeros) for _ in self.cells]

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for number, cell in enumerate(self.cells):
            self.hidden[number] = cell(x, self.hidden[number])
            x = self.hidden[number][0]
        return x


class PublishedSvg(nn.Module):
    """The published networks and loops, with a fixed prior."""

    def __init__(
        self,
        frame: tuple[int, int, int] = (3, 64, 64),
        conditions: int = 7,
        code: int = 128,
        latent: int = 64,
        width: int = 256,
        channels: tuple[int, int, int, int] = (64, 128, 256, 512),
        n_past: int = 2,
        encode_once: bool = False,
    ) -> None:
        super().__init__()
        colours, bottom = frame[0], (frame[1] // 16, frame[2] // 16)
        self.encoder = Encoder(colours, channels, code, bottom)
        self.decoder = Decoder(colours, channels, code, bottom)
        self.predictor = Lstm(code + latent + conditions, width, 2)
        self.predictor_out = nn.Sequential(nn.Linear(width, code), nn.BatchNorm1d(code), nn.Tanh())
        self.posterior = Lstm(code, width, 1)
        self.mean, self.logvar = nn.Linear(width, latent), nn.Linear(width, latent)
        self.n_past, self.encode_once, self.latent = n_past, encode_once, latent

    def optimisers(self) -> list[torch.optim.Optimizer]:
        """Four Adams."""
        posterior = [
            *self.posterior.parameters(),
            *self.mean.parameters(),
            *self.logvar.parameters(),
        ]
        predictor = [*self.predictor.parameters(), *self.predictor_out.parameters()]
        groups = [predictor, posterior, [*self.encoder.parameters()], [*self.decoder.parameters()]]
        return [torch.optim.Adam(group, lr=2e-3, betas=(0.9, 0.999)) for group in groups]

    def clear(self, batch: int) -> None:
        like = self.mean.weight
        self.predictor.clear(batch, like)
        self.posterior.clear(batch, like)

    def gaussian(self, code: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.posterior(code)
        return self.mean(hidden), self.logvar(hidden)

    def predict(self, code: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        return self.predictor_out(self.predictor(torch.cat([code, z, condition], 1)))

    def loss(
        self, frames: Tensor, conditions: Tensor, noise: Tensor, beta: float, forced: Container[int]
    ) -> Tensor:
        """Sum over t = 1 ... T - 1 of MSE + beta KL, for frames [B, T, C, H, W], conditions [B, T,
        A], noise [T - 1, B, Z].
        """
        self.clear(len(frames))
        total = frames.new_zeros(())
        skips: Skips = []
        kept, own = None, None
        for t in range(1, frames.shape[1]):
            if own is not None and t > self.n_past and t not in forced:
                code, made_skips = self.encoder(own)
            elif self.encode_once and kept is not None:
                code, made_skips = kept
            else:
                code, made_skips = self.encoder(frames[:, t - 1])
            if t < self.n_past:
                skips = made_skips
            kept = self.encoder(frames[:, t])
            mean, logvar = self.gaussian(kept[0])
            z = mean + noise[t - 1] * torch.exp(logvar / 2)
            own = self.decoder(self.predict(code, z, conditions[:, t]), skips)
            kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
            total = total + nn.functional.mse_loss(own, frames[:, t]) + beta * kl
        return total

    @torch.no_grad()
    def futures(self, frames: Tensor, conditions: Tensor, noises: Iterator[Tensor]) -> Tensor:
        """One future a noise [T - 1, B, Z], drawn one after the other.

        [N, B, T - n_past, C, H, W].
        """
        drawn = []
        for noise in noises:
            self.clear(len(frames))
            skips: Skips = []
            x, made = frames[:, 0], []
            for t in range(1, conditions.shape[1]):
                code, made_skips = self.encoder(x)
                if t < self.n_past:
                    skips = made_skips
                    mean, logvar = self.gaussian(self.encoder(frames[:, t])[0])
                    self.predict(
                        code, mean + noise[t - 1] * torch.exp(logvar / 2), conditions[:, t]
                    )
                    x = frames[:, t]
                else:
                    x = self.decoder(self.predict(code, noise[t - 1], conditions[:, t]), skips)
                    made.append(x)
            drawn.append(torch.stack(made, 1))
        return torch.stack(drawn)
