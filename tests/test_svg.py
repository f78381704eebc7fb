"""The published system: its sizes exactly, and the functions that batching must not change."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from foreframe import models
from foreframe.clips import ClipSpec
from foreframe.errors import InputError
from foreframe.models.svg import JoinLayer
from foreframe.nn.folding import fold_steps, unfold_steps
from foreframe.nn.full_kernel_conv import PictureToVector, VectorToPicture
from foreframe.nn.step_batch_norm import StepBatchNorm
from foreframe.nn.upsampling import UpConv2d
from foreframe.rollouts import rollout
from small_models import N_PAST, T, clip, noise, small, spec


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_sizes() -> None:
    seven = tuple("abcdefg")
    model = models.build(
        "svg", ClipSpec((3, 64, 64), (7,), names=seven, mean=(0.0,) * 7, std=(1.0,) * 7), {}
    )
    assert count(model.encoder) == 8_689_600  # type: ignore[arg-type]
    assert count(model.decoder) == 11_822_659  # type: ignore[arg-type]
    assert count(model.predictor) + count(model.predictor_out) == 1_137_024  # type: ignore[arg-type]
    assert count(model.posterior) == 592_256  # type: ignore[arg-type]
    assert count(model) == 22_241_539
    learned = models.build("svg", model.spec, {"prior": "learned"})
    assert count(learned) == 22_241_539 + 592_256


def test_batch_norm_of_steps_is_a_loop_over_steps() -> None:
    """Outputs, gradients and running statistics are those of one call a step."""
    torch.manual_seed(0)
    x = torch.randn(3, 5, 4, 6, 6, dtype=torch.double)
    ours, theirs = StepBatchNorm(4).double(), torch.nn.BatchNorm2d(4).double()
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    out_a = unfold_steps(ours(fold_steps(a), 5), 5)
    out_b = torch.stack([theirs(b[:, t]) for t in range(5)], 1)
    torch.testing.assert_close(out_a, out_b)
    weights = torch.randn_like(out_a)
    (out_a * weights).sum().backward()
    (out_b * weights).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value)
    torch.testing.assert_close(
        unfold_steps(ours.eval()(fold_steps(x), 5), 5),
        torch.stack([theirs.eval()(x[:, t]) for t in range(5)], 1),
    )


def test_a_split_skip_is_a_convolution_over_both() -> None:
    layer = JoinLayer(4, 6).double().eval()
    x, skip = (
        torch.randn(2, 3, 4, 4, 4, dtype=torch.double),
        torch.randn(2, 4, 8, 8, dtype=torch.double),
    )
    large = F.interpolate(x.flatten(0, 1), scale_factor=2, mode="nearest").unflatten(0, (2, 3))
    both = torch.cat([large, skip[:, None].expand(-1, 3, -1, -1, -1)], 2).flatten(0, 1)
    whole = torch.cat([layer.moving.conv.weight, layer.still.weight], 1)
    convolved = F.conv2d(both, whole, layer.still.bias, padding=1)
    expected = F.leaky_relu(layer.norm(convolved, 3), 0.2).unflatten(0, (2, 3))
    torch.testing.assert_close(
        unfold_steps(layer(fold_steps(x), 3, layer.still(skip)), 3), expected
    )


@pytest.mark.parametrize("shape", [(1, 4, 4), (128, 4, 4)], ids=["few pixels", "many pixels"])
def test_a_transposed_convolution_is_one_of_the_enlarged_picture(
    shape: tuple[int, int, int],
) -> None:
    """Values and gradients, whichever way is taken."""
    layer = UpConv2d(5, 3).double()
    x = torch.randn(shape[0], 5, *shape[1:], dtype=torch.double, requires_grad=True)
    expected = layer.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
    wanted = [x, *layer.parameters()]
    weights = torch.randn_like(expected)
    torch.testing.assert_close(layer(x), expected)
    for a, b in zip(
        *(torch.autograd.grad((y * weights).sum(), wanted) for y in (layer(x), expected)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_convolutions_as_large_as_their_picture_are_convolutions() -> None:
    down, up = PictureToVector(4, 6, (2, 3)).double(), VectorToPicture(6, 4, (2, 3)).double()
    x, code = torch.randn(5, 4, 2, 3, dtype=torch.double), torch.randn(5, 6, dtype=torch.double)
    torch.testing.assert_close(down(x)[:, :, None, None], F.conv2d(x, down.weight, down.bias))
    torch.testing.assert_close(
        up(code), F.conv_transpose2d(code[:, :, None, None], up.weight, up.bias)
    )


def test_training_in_one_batch_is_training_step_by_step() -> None:
    """In training mode too: per-step statistics make the forced batch and the loop the same
    function, gradients included.
    """
    model = small("svg", channels=(4, 4, 8, 8), code=6)
    frames, conditions = clip(model, batch=3)
    weights = torch.rand(3, T - 1, *model.spec.frame, dtype=torch.double)
    state_before = {k: v.clone() for k, v in model.state_dict().items()}

    made = rollout(model, frames, conditions, N_PAST, range(T), noise=noise(3)).frames
    (made * weights).sum().backward()
    batched = [p.grad.clone() for p in model.parameters() if p.grad is not None]

    model.zero_grad()
    model.load_state_dict(state_before)
    stream, embedded, loop = noise(3), model.embed(conditions), []
    encoded = [model.encode(frames[:, t : t + 1], embedded[:, t : t + 1]) for t in range(T)]
    state = model.initial(encoded[0].code[:, 0])
    for t in range(1, T):
        drawn = stream.draw(model.latent_shapes, frames.device)
        state, step = model.step(
            state, encoded[t - 1].code[:, 0], embedded[:, t], encoded[t].code[:, 0], drawn
        )
        skips = tuple(s[:, 0] for s in encoded[min(t - 1, N_PAST - 1)].skips)
        loop.append(
            model.decode(step.code[:, None], embedded[:, t : t + 1], model.prepare_skips(skips))
        )
    (torch.cat(loop, 1) * weights).sum().backward()
    torch.testing.assert_close(made, torch.cat(loop, 1))
    for one, other in zip(
        batched, (p.grad for p in model.parameters() if p.grad is not None), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("skip_frame", "looked_at"), [(-1, 1), (-2, 0)])
def test_which_context_frame_the_skips_come_from(skip_frame: int, looked_at: int) -> None:
    """The published code looks one frame further back than the last context frame.

    Both are to be had.
    """
    model = small("svg", skip_frame=skip_frame).eval()
    frames, conditions = clip(model)
    features = model.encode(frames, model.embed(conditions))
    made = rollout(model, frames, conditions, N_PAST, noise=noise(2))
    expected = model.prepare_skips(tuple(skip[:, looked_at] for skip in features.skips))
    for used, skip in zip(made.point.skips, expected, strict=True):
        torch.testing.assert_close(used, skip)


def test_the_posterior_begins_with_the_first_frame_or_as_published() -> None:
    for sees in (True, False):
        model = small("svg", posterior_sees_first_frame=sees).eval()
        first = model.encode(*clip(model)).code[:, 0]
        hidden = model.initial(first).posterior[0][0]
        assert bool(hidden.any()) is sees


def test_a_prior_that_does_not_exist_says_which_do() -> None:
    with pytest.raises(InputError, match="unknown prior 'learnt'; did you mean learned"):
        small("svg", prior="learnt")


def test_a_learned_prior_has_the_same_signature() -> None:
    model = small("svg", prior="learned", of=spec()).eval()
    frames, conditions = clip(model)
    made = rollout(model, frames[:, :2], conditions, 2, noise=noise(2))
    assert made.priors[0][0].mean.any()
