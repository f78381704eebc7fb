"""The contract of every model: a new file in `models/` is tested by existing.

Letters: B clips, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from foreframe import models
from foreframe.clips import ClipSpec, as_floats, to_float
from foreframe.errors import InputError
from foreframe.model import LatentFeedback
from foreframe.objective import elbo
from foreframe.rollouts import rollout
from foreframe.session import Session
from small_models import N_PAST, NAMES, SMALL, VECTOR_NAMES, T, any_spec, clip, noise, small, spec


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_training_and_sampling(name: str) -> None:
    model = small(name)
    frames, conditions = clip(model)
    trained = rollout(model, frames, conditions, N_PAST, range(T), noise=noise(2))
    assert trained.frames.shape == (2, T - 1, *model.spec.frame)
    assert len(trained.posteriors) == len(trained.priors) == T - 1
    sampled = rollout(
        model.eval(), frames[:, :N_PAST], conditions, N_PAST, noise=noise(2, 3), decode_from=N_PAST
    )
    assert sampled.frames.shape == (6, T - N_PAST, *model.spec.frame)
    assert sampled.posteriors[-1] is None


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = small(name)
    frames, conditions = clip(model)
    loss = elbo(
        rollout(model, frames, conditions, N_PAST, range(T), noise=noise(2)), frames, 1e-3
    ).loss
    if loss.requires_grad:
        loss.backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key
        assert torch.isfinite(parameter.grad).all(), key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("forced", [(), (4,), range(T)], ids=["free", "mixed", "forced"])
def test_gradients_are_finite_however_the_clip_is_forced(name: str, forced: Any) -> None:
    model = small(name)
    frames, conditions = clip(model)
    loss = elbo(
        rollout(model, frames, conditions, N_PAST, forced, noise=noise(2)), frames, 1e-3
    ).loss
    if loss.requires_grad:
        loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_sample_is_the_same_alone_or_in_a_batch(name: str) -> None:
    model = small(name).eval()
    frames, conditions = clip(model, batch=3)
    together = rollout(
        model, frames[:, :N_PAST], conditions, N_PAST, noise=noise(3, 4)
    ).frames.unflatten(0, (3, 4))
    for b in range(3):
        one = slice(b, b + 1)
        alone = rollout(
            model, frames[one, :N_PAST], conditions[one], N_PAST, noise=noise(1, 2, first=b)
        ).frames
        torch.testing.assert_close(alone, together[b, :2])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_sample_cannot_see_the_future(name: str) -> None:
    """Other conditions later on, or more of them, leave the first frames as they are."""
    model = small(name).eval()
    frames, conditions = clip(model)
    whole = rollout(model, frames[:, :N_PAST], conditions, N_PAST, noise=noise(2)).frames
    other = conditions.clone()
    other[:, 4:] += 1
    changed = rollout(model, frames[:, :N_PAST], other, N_PAST, noise=noise(2)).frames
    shorter = rollout(model, frames[:, :N_PAST], conditions[:, :4], N_PAST, noise=noise(2)).frames
    torch.testing.assert_close(changed[:, :3], whole[:, :3])
    torch.testing.assert_close(shorter, whole[:, :3])
    if list(model.parameters()):
        assert not torch.allclose(changed[:, 3:], whole[:, 3:])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_posterior_sees_no_later_frame(name: str) -> None:
    model = small(name).eval()
    frames, conditions = clip(model)
    other = frames.clone()
    other[:, 4:] = 1 - other[:, 4:]
    a, b = (
        rollout(model, f, conditions, N_PAST, range(T), noise=noise(2)).frames
        for f in (frames, other)
    )
    torch.testing.assert_close(a[:, :3], b[:, :3])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("forced", [(), (3, 5), range(T)], ids=["free", "mixed", "forced"])
@torch.no_grad()
def test_a_batched_rollout_equals_a_step_by_step_loop(name: str, forced: Any) -> None:
    """Written out the slow way: one frame encoded, one step made, one frame decoded at a time."""
    model = small(name).eval()
    frames, conditions = clip(model)
    stream, made = noise(2), []
    embedded = model.embed(conditions)
    encoded = [model.encode(frames[:, t : t + 1], embedded[:, t : t + 1]) for t in range(T)]
    state = model.initial(encoded[0].code[:, 0])
    for t in range(1, T):
        if t <= N_PAST or (not isinstance(model.feedback, LatentFeedback) and t in forced):
            previous = encoded[t - 1].code[:, 0]
        else:
            own = (
                None
                if isinstance(model.feedback, LatentFeedback)
                else model.encode(made[-1].clamp(0, 1), embedded[:, t - 1 : t])
            )
            previous = own.code[:, 0] if own else None
        drawn = stream.draw(model.latent_shapes, frames.device)
        state, step = model.step(state, previous, embedded[:, t], encoded[t].code[:, 0], drawn)
        looked_back = min(t - 1, N_PAST + model.skip_frame)
        skips = tuple(skip[:, 0] for skip in encoded[looked_back].skips)
        made.append(
            model.decode(step.code[:, None], embedded[:, t : t + 1], model.prepare_skips(skips))
        )
    batched = rollout(model, frames, conditions, N_PAST, forced, noise=noise(2))
    torch.testing.assert_close(batched.frames, torch.cat(made, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_past", [1, 2, 3])
@torch.no_grad()
def test_a_session_equals_a_rollout(name: str, n_past: int) -> None:
    model = small(name).eval()
    frames, conditions = clip(model)
    expected = rollout(
        model, frames[:, :n_past], conditions, n_past, noise=noise(2, 2), decode_from=n_past
    ).frames
    session = Session(model)
    session.reset(frames[:, :n_past], conditions[:, :n_past], noise(2, 2))
    seen = torch.stack([session.act(conditions[:, t]) for t in range(n_past, T)], 2)
    torch.testing.assert_close(seen.flatten(0, 1), expected.clamp(0, 1))


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_the_same_pictures_as_floats(name: str) -> None:
    """Frames, and label images among the conditions, may be given as bytes."""
    model = small(name).float().eval()
    frames, conditions = clip(model)
    frames = (frames * 255).to(torch.uint8)
    conditions = conditions.float() if conditions.ndim == 3 else (conditions.abs() * 64).byte()
    seen = []
    for given, known in ((frames, conditions), (to_float(frames), as_floats(conditions))):
        session = Session(model)
        session.reset(given[:, :2], known[:, :2], noise(2))
        seen.append(session.play(known[:, 2:]))
    assert torch.equal(*seen)


def test_floats_that_are_no_pictures_are_refused() -> None:
    model = small("compact").eval()
    frames, conditions = clip(model)
    with pytest.raises(
        InputError, match=r"floats from 0.* to 2.*; expected bytes, or floats in \[0, 1\]"
    ):
        Session(model).reset(frames[:, :2] * 255, conditions[:, :2], noise(2))
    with pytest.raises(InputError, match="floats from nan"):
        Session(model).reset(frames[:, :2] * torch.nan, conditions[:, :2], noise(2))


@pytest.mark.parametrize("name", NAMES)
def test_a_fork_goes_its_own_way(name: str) -> None:
    model = small(name).eval()
    frames, conditions = clip(model)
    session = Session(model)
    session.reset(frames[:, :2], conditions[:, :2], noise(2))
    session.act(conditions[:, 2])
    fork = session.fork()
    fork.act(conditions[:, 5])
    expected = rollout(model, frames[:, :2], conditions, 2, noise=noise(2), decode_from=2).frames
    torch.testing.assert_close(session.act(conditions[:, 3])[:, 0], expected[:, 1].clamp(0, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(64, 64), (32, 64), (48, 32)])
@torch.no_grad()
def test_any_size_that_the_model_says_it_takes(name: str, size: tuple[int, int]) -> None:
    model = small(name, any_spec(name, *size)).eval()
    frames, conditions = clip(model, 1, N_PAST + 2)
    made = rollout(model, frames[:, :N_PAST], conditions, N_PAST, noise=noise(1)).frames
    assert made.shape[-2:] == size


@pytest.mark.parametrize("name", ["compact", "svg"])
def test_a_size_it_does_not_take_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match="multiples of 16, got 40x64"):
        small(name, spec(40, 64))


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("name", VECTOR_NAMES)
def test_no_conditions_at_all(name: str) -> None:
    model = small(name, spec(conditions=0))
    frames, conditions = clip(model)
    assert torch.isfinite(rollout(model, frames, conditions, N_PAST, noise=noise(2)).frames).all()


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_is_the_same(name: str, tmp_path: Path) -> None:
    model = small(name).float().eval()
    frames, conditions = (t.float() for t in clip(model))
    models.save(model, name, SMALL.get(name, {}), tmp_path, {"note": 1})
    loaded = models.load(tmp_path)
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    a, b = (
        rollout(m, frames[:, :2], conditions, 2, noise=noise(2)).frames for m in (model, loaded)
    )
    assert torch.equal(a, b)


@pytest.mark.parametrize("name", VECTOR_NAMES)
def test_conditions_are_standardised_inside(name: str) -> None:
    """Raw units in another scale, with statistics to match, are the same conditions."""
    one = small(name)
    wide = ClipSpec(**{**one.spec.to_dict(), "mean": (10.0,) * 3, "std": (200.0,) * 3})
    other = small(name, wide)
    frames, conditions = clip(one)
    scaled = (conditions - 0.1) / 2 * 200 + 10
    a = rollout(one.eval(), frames, conditions, 2, noise=noise(2)).frames
    b = rollout(other.eval(), frames, scaled, 2, noise=noise(2)).frames
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_unknown_names_say_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean compact"):
        models.model_class("compakt")
    with pytest.raises(InputError, match="did you mean latent"):
        models.build("compact", spec(), {"latents": 3})


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    models.save(small("compact"), "compact", SMALL["compact"] | {"latent": 4}, tmp_path, {})
    with pytest.raises(InputError, match="of another model"):
        models.load(tmp_path)


def test_copy_last_copies_and_mean_frame_means() -> None:
    copy, mean = small("copy_last").eval(), small("mean_frame").eval()
    frames, conditions = clip(copy)
    copied = rollout(copy, frames[:, :2], conditions, 2, noise=noise(2), decode_from=2).frames
    torch.testing.assert_close(copied, frames[:, 1:2].expand(-1, 4, -1, -1, -1))
    assert (
        rollout(mean, frames[:, :2], conditions, 2, noise=noise(2), decode_from=2).frames == 0.5
    ).all()
