"""The yardsticks of the benchmarks compute what the library computes.

The same loss, gradients and futures in float64.
A ratio of two times means something only if both are times of the same function.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from published_pose import PublishedPose
from published_svg import PublishedSvg
from torch import Tensor, nn

from foreframe import Model, Noise, Session, elbo, models, rollout
from foreframe.clips import ClipSpec
from foreframe.models.pose import Pose
from foreframe.models.svg import JoinLayer, Svg

B, T, BETA = 2, 7, 0.01
SIZES = {"code": 6, "latent": 3, "width": 8, "channels": (4, 4, 6, 6)}


def svgs(**options: bool) -> tuple[Model, nn.Module]:
    torch.manual_seed(0)
    spec = ClipSpec((3, 32, 32), (5,), names=tuple("abcde"), mean=(0.0,) * 5, std=(1.0,) * 5)
    ours = models.build(
        "svg", spec, {**SIZES, "skip_frame": -2, "posterior_sees_first_frame": False}
    ).double()
    theirs = PublishedSvg((3, 32, 32), 5, **SIZES, **options).double()  # type: ignore[arg-type]
    assert isinstance(ours, Svg)
    pairs = [
        (ours.encoder, theirs.encoder),
        (ours.predictor, theirs.predictor),
        (ours.predictor_out, theirs.predictor_out),
        (ours.posterior.lstm, theirs.posterior),
        (ours.posterior.mean, theirs.mean),
        (ours.posterior.logvar, theirs.logvar),
        (ours.decoder.first, theirs.decoder.up1[0]),
        (ours.decoder.norm, theirs.decoder.up1[1]),
        (ours.decoder.last, theirs.decoder.last[0]),
    ]
    stages = [theirs.decoder.up2, theirs.decoder.up3, theirs.decoder.up4, theirs.decoder.up5]
    for join, stage, published in zip(ours.decoder.joins, ours.decoder.stages, stages, strict=True):
        pairs += [(join, published[0]), (stage, published[1:])]
    return ours, same_weights(theirs, pairs)


def poses() -> tuple[Model, nn.Module]:
    torch.manual_seed(0)
    ours, theirs = (
        models.build("pose", ClipSpec((3, 8, 16), (3, 8, 16)), {}).double(),
        PublishedPose().double(),
    )
    assert isinstance(ours, Pose)
    pairs = [
        (ours.frame_encoder, theirs.rgb),
        (ours.label_encoder, theirs.label),
        (ours.posterior, theirs.gaussian),
        (ours.fusion, theirs.fusion),
        (ours.generator, theirs.generator),
    ]
    return ours, same_weights(theirs, pairs)


def same_weights(theirs: nn.Module, pairs: list[tuple[nn.Module, nn.Module]]) -> nn.Module:
    taken = 0
    for a, b in pairs:
        for ours, copy in zip(parameters_of(a), b.parameters(), strict=True):
            whole = torch.cat([part.data for part in ours], 1) if len(ours) > 1 else ours[0].data
            assert whole.shape == copy.shape
            copy.data.copy_(whole)
            copy.ours = ours  # type: ignore[attr-defined]
            taken += 1
    assert taken == len(list(theirs.parameters()))
    return theirs


def parameters_of(module: nn.Module) -> list[tuple[nn.Parameter, ...]]:
    """One entry for each of the published parameters.

    Those of ours that it is made of, side by side.
    """
    if isinstance(module, JoinLayer):
        bias = module.still.bias
        assert bias is not None
        halves = (module.moving.conv.weight, module.still.weight)
        return [halves, (bias,), *((parameter,) for parameter in module.norm.parameters())]
    return [(parameter,) for parameter in module.parameters()]


class Given(Noise):
    """Noise that is known beforehand: [T - 1, rows, *Z]."""

    def __init__(self, rows: Tensor, samples: int = 1) -> None:
        super().__init__([0] * (rows.shape[1] // samples), samples)
        self._rows: Iterator[Tensor] = iter(rows)

    def draw(self, shapes: object, device: object) -> tuple[Tensor, ...]:
        return (next(self._rows),)


def clips_for(model: Model) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    frames = torch.rand(B, T, *model.spec.frame, dtype=torch.double)
    conditions = torch.rand(B, T, *model.spec.condition, dtype=torch.double)
    return frames, conditions, torch.randn(T - 1, B, *model.latent_shapes[0], dtype=torch.double)


@pytest.mark.parametrize("forced", [range(T), (), (3, 5)], ids=["forced", "free", "mixed"])
@pytest.mark.parametrize("kind", ["svg", "svg, encoded once", "pose"])
def test_the_same_loss_and_gradients(kind: str, forced: range | tuple[int, ...]) -> None:
    ours, theirs = poses() if kind == "pose" else svgs(encode_once="once" in kind)
    frames, conditions, noise = clips_for(ours)
    n_past = 1 if kind == "pose" else 2
    a = elbo(
        rollout(ours, frames, conditions, n_past, forced, noise=Given(noise)), frames, BETA
    ).loss
    b = theirs.loss(frames, conditions, noise, BETA, forced)
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    a.backward()
    b.backward()
    for copy in theirs.parameters():
        ours_grad = [part.grad for part in copy.ours]  # type: ignore[attr-defined]
        whole = torch.cat(ours_grad, 1) if len(ours_grad) > 1 else ours_grad[0]
        torch.testing.assert_close(copy.grad, whole, rtol=1e-7, atol=1e-11)


def test_the_same_futures() -> None:
    ours, theirs = svgs()
    frames, conditions, noise = clips_for(ours)
    ours.eval()
    theirs.eval()
    several = torch.randn(T - 1, B, 3, *ours.latent_shapes[0], dtype=torch.double)
    session = Session(ours)
    session.reset(frames[:, :2], conditions[:, :2], Given(several.flatten(1, 2), 3))
    drawn = session.play(conditions[:, 2:])
    one_by_one = theirs.futures(frames[:, :2], conditions, iter(several.unbind(2)))
    torch.testing.assert_close(drawn, one_by_one.transpose(0, 1))
    pose, published = poses()
    frames, labels, noise = clips_for(pose)
    session = Session(pose)
    session.reset(frames[:, :1], labels[:, :1], Given(noise))
    torch.testing.assert_close(
        session.play(labels[:, 1:])[:, 0], published.eval().future(frames[:, 0], labels, noise)
    )
