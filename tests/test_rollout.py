"""The waist: what is fed, what is decoded, and what is said when shapes do not fit."""

from __future__ import annotations

import pytest
import torch

from foreframe.noise import Noise
from foreframe.objective import elbo
from foreframe.rollouts import rollout
from small_models import T, clip, noise, small


def test_forcing_switches_the_input_and_not_the_target() -> None:
    """With pixel feedback a forced step starts from the truth.

    The loss is against the truth either way.
    """
    model = small("svg").eval()
    frames, conditions = clip(model)
    frames[:, 3] = frames[:, 3].round()  # far from anything that the model draws
    free = rollout(model, frames, conditions, 2, noise=noise(2)).frames
    one = rollout(model, frames, conditions, 2, (4,), noise=noise(2)).frames
    torch.testing.assert_close(free[:, :3], one[:, :3])  # frames 1, 2, 3
    assert (free[:, 3] - one[:, 3]).abs().max() > 1e-6  # frame 4, whose input was switched


def test_the_context_is_never_replaced() -> None:
    """Frames 1 and 2 follow from true frames with and without teacher forcing."""
    model = small("svg").eval()
    frames, conditions = clip(model)
    free, forced = (
        rollout(model, frames, conditions, 2, f, noise=noise(2)).frames for f in ((), range(T))
    )
    torch.testing.assert_close(free[:, :2], forced[:, :2])


def test_latent_feedback_is_never_shown_a_future_frame() -> None:
    """With the posterior's view cut off, frames after the context change nothing, forced or not."""
    model = small("compact").eval()
    frames, conditions = clip(model)
    seen = []
    step = model.step

    def spy(state, previous, condition, target, drawn):  # type: ignore[no-untyped-def]
        seen.append(previous is not None)
        return step(state, previous, condition, target, drawn)

    model.step = spy  # type: ignore[method-assign]
    rollout(model, frames, conditions, 2, range(T), noise=noise(2))
    assert seen == [True, True, False, False, False]


@pytest.mark.parametrize(("forced", "calls"), [(range(T), 2), ((), 5), ((3, 5), 3)])
def test_decoding_is_batched_as_far_as_it_can_be(forced: object, calls: int) -> None:
    """One call for each context step's own skips, then a new one wherever the model looks at
    itself.
    """
    model = small("svg").eval()
    frames, conditions = clip(model)
    sizes = []
    decode = model.decode
    model.decode = lambda code, c, skips: (sizes.append(code.shape[1]), decode(code, c, skips))[1]  # type: ignore[method-assign]
    rollout(model, frames, conditions, 2, forced, noise=noise(2))  # type: ignore[arg-type]
    assert sum(sizes) == T - 1
    assert len(sizes) == calls


def test_seen_frames_are_encoded_in_one_call() -> None:
    model = small("compact").eval()
    frames, conditions = clip(model)
    sizes = []
    encode = model.encode
    model.encode = lambda f, c: (sizes.append(f.shape[1]), encode(f, c))[1]  # type: ignore[method-assign]
    rollout(model, frames[:, :2], conditions, 2, noise=noise(2, 5))
    assert sizes == [2]


@pytest.mark.parametrize("name", ["compact", "svg"])
def test_many_samples_go_through_in_chunks_to_the_same_frames(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoded, and where frames are fed back encoded, a few at a time."""
    model = small(name).eval()
    frames, conditions = clip(model)
    with torch.no_grad():
        at_once = rollout(model, frames[:, :2], conditions, 2, noise=noise(2, 3)).frames
        monkeypatch.setattr("foreframe.decoding._AT_ONCE_ON_CPU", 4)
        chunked = rollout(model, frames[:, :2], conditions, 2, noise=noise(2, 3)).frames
    torch.testing.assert_close(chunked, at_once)


def test_decode_from_leaves_out_the_context_and_changes_nothing_else() -> None:
    model = small("svg").eval()
    frames, conditions = clip(model)
    whole = rollout(model, frames, conditions, 3, noise=noise(2))
    future = rollout(model, frames, conditions, 3, noise=noise(2), decode_from=3)
    torch.testing.assert_close(future.frames, whole.frames[:, 2:])


def test_noise_is_a_stream_for_each_clip_and_sample() -> None:
    device = torch.device("cpu")
    wide, narrow = Noise([7, 8], 3), Noise([8], 1)
    a, b = wide.draw([(5,), (2, 2)], device), narrow.draw([(5,), (2, 2)], device)
    torch.testing.assert_close(a[0][3], b[0][0])
    torch.testing.assert_close(a[1][3], b[1][0])
    many = Noise(range(2000)).draw([(8,)], device)[0]
    assert many.mean().abs() < 0.03
    assert many.std() == pytest.approx(1, abs=0.02)
    assert (Noise([7], 1, temperature=0.0).draw([(4,)], device)[0] == 0).all()


def test_samples_differ_and_temperature_zero_does_not() -> None:
    model = small("compact").eval()
    frames, conditions = clip(model)
    drawn = rollout(
        model, frames[:, :2], conditions, 2, noise=noise(2, 2), decode_from=2
    ).frames.unflatten(0, (2, 2))
    assert not torch.allclose(drawn[:, 0], drawn[:, 1])
    still = rollout(
        model, frames[:, :1], conditions, 1, noise=Noise([0, 1], 2, 0.0)
    ).frames.unflatten(0, (2, 2))
    torch.testing.assert_close(still[:, 0], still[:, 1])


def test_the_elbo_is_what_it_says() -> None:
    """Distortion is a frame's squared error, rate its KL.

    The loss sums over frames and is a mean over clips.
    """
    model = small("svg")
    frames, conditions = clip(model)
    made = rollout(model, frames, conditions, 2, range(T), noise=noise(2))
    found = elbo(made, frames, 0.01)
    mse = (made.frames - frames[:, 1:]).square().mean((2, 3, 4))
    rate = torch.stack([q[0].kl(p[0]) for q, p in zip(made.posteriors, made.priors)], 1)  # type: ignore[index]
    assert found.loss.item() == pytest.approx(
        (mse.float() + 0.01 * rate).sum(1).mean().item(), rel=1e-5
    )
    assert float(found.rate_nats) == pytest.approx(rate.mean().item(), rel=1e-5)
    assert float(found.distortion) == pytest.approx(mse.mean().item() * model.spec.pixels, rel=1e-5)


def test_shapes_that_do_not_fit_say_so() -> None:
    model = small("compact")
    frames, conditions = clip(model)
    with pytest.raises(
        ValueError, match=r"conditions have 4 steps but 6 frames are seen.*T >= 6, got \[2, 4, 3\]"
    ):
        rollout(model, frames, conditions[:, :4], 2, noise=noise(2))
    with pytest.raises(ValueError, match="n_past is 7"):
        rollout(model, frames, conditions, 7, noise=noise(2))
    with pytest.raises(ValueError, match="noise for 3 clips disagree"):
        rollout(model, frames, conditions, 2, noise=noise(3))
    with pytest.raises(ValueError, match="decode_from is 3"):
        rollout(model, frames, conditions, 2, noise=noise(2), decode_from=3)
    with pytest.raises(ValueError, match="saw no target frame"):
        elbo(rollout(model, frames[:, :2], conditions, 2, noise=noise(2)), frames, 1.0)
