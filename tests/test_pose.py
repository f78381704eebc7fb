"""The published pose-conditioned system: its size exactly, and the faults that it must not have.

Letters: B clips, T frames, H height, W width.
"""

from __future__ import annotations

import pytest
import torch

from foreframe import models
from foreframe.clips import ClipSpec
from foreframe.errors import InputError
from foreframe.objective import elbo
from foreframe.rollouts import rollout
from small_models import T, clip, label_spec, noise, small


def test_published_size() -> None:
    model = models.build("pose", label_spec(32, 64), {})
    assert sum(p.numel() for p in model.parameters()) == 1_585_620
    assert model.latent_shapes == ((12, 32, 64),)


def test_the_generator_is_trained_with_the_posteriors_latent() -> None:
    """The loss's distortion alone gives the posterior a gradient.

    Z is used, not replaced by noise.
    """
    model = small("pose")
    frames, labels = clip(model)
    loss = elbo(rollout(model, frames, labels, 1, range(T), noise=noise(2)), frames, beta=0.0).loss
    loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.posterior.parameters())  # type: ignore[union-attr]


def test_nothing_becomes_nan_when_forcing_ends_in_the_middle() -> None:
    model = small("pose")
    frames, labels = clip(model)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for forced in (range(T), range(T), (2, 3), (), ()):
        loss = elbo(rollout(model, frames, labels, 1, forced, noise=noise(2)), frames, 1e-4).loss
        optimiser.zero_grad()
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters())  # type: ignore[arg-type]
        optimiser.step()
    assert torch.isfinite(loss)


def test_own_frames_are_clamped_before_they_are_fed_back() -> None:
    """The output is linear; what is looked at is not outside [0, 1]."""
    model = small("pose").eval()
    with torch.no_grad():
        model.generator[0][-1].bias += 3.0  # type: ignore[index, union-attr, operator]
    frames, labels = clip(model)
    seen = []
    encode = model.encode
    model.encode = lambda f, c: (seen.append((f.min(), f.max())), encode(f, c))[1]  # type: ignore[method-assign]
    made = rollout(model, frames[:, :1], labels, 1, noise=noise(2))
    assert made.frames.max() > 1
    assert all(low >= 0 and high <= 1 for low, high in seen)


def test_options_change_what_they_name_and_no_parameter() -> None:
    plain = small("pose")
    bounded = small("pose", output="sigmoid", label_activation=True)
    assert [p.shape for p in plain.parameters()] == [p.shape for p in bounded.parameters()]
    frames, labels = clip(bounded)
    made = rollout(bounded.eval(), frames[:, :1], labels, 1, noise=noise(2)).frames
    assert made.min() > 0
    assert made.max() < 1
    learned = small("pose", prior="learned").eval()
    assert rollout(learned, frames[:, :1], labels, 1, noise=noise(2)).priors[0][0].mean.any()


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="one label image of 16x16 per frame"):
        models.build("pose", ClipSpec((3, 16, 16), (3, 32, 32)), {})
