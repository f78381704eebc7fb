"""Planning: searches find a known optimum, batches equal one at a time, and what cannot be is said.

Letters: P sequences, K commands, T steps, F futures, U steered numbers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from foreframe import InputError, Noise, models
from foreframe.cli import main
from foreframe.clips import ClipSpec
from foreframe.errors import InputWarning
from foreframe.model import Features, LatentFeedback, Model, PixelFeedback, Step
from foreframe.planning import (
    CodeGoal,
    Commands,
    CrossEntropy,
    Gradient,
    Imagination,
    Imagined,
    Mppi,
    PixelGoal,
    Planner,
    PlanningPolicy,
    Present,
    RewardCost,
    StateGoal,
)
from foreframe.planning.commands import blocks_of
from foreframe.simulate import Simulator
from foreframe.state_head import StateHead
from small_models import SMALL

SEARCHES = [CrossEntropy(64, 8), Mppi(64, 8), Gradient(CrossEntropy(32, 3), steps=30)]
SPEC = ClipSpec(
    (1, 4, 4), (2,), ("action",), ("x", "y"), (0.0,) * 2, (0.1,) * 2, (-0.1,) * 2, (0.1,) * 2
)


class Place(Model):
    """A place in a unit square that goes where the actions say, and a little elsewhere by chance.

    Its picture has x in all pixels of its left half and y in those of its right half.
    """

    feedback: Any = LatentFeedback()
    latent_shapes = ((2,),)
    drift = 0.0

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return Features(frames[:, :, 0, 0, [0, -1]], (frames,))

    def embed(self, conditions: Tensor) -> Tensor:
        return conditions

    def initial(self, code: Tensor) -> Tensor:
        return code

    def step(
        self,
        state: Tensor,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[Tensor, Step]:
        now = state if previous is None else previous
        code = now + condition + self.drift * noise[0]
        return code, Step(code, None if target is None else (), ())

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return code.repeat_interleave(2, 2)[:, :, None, None].expand(-1, -1, 1, 4, -1)


class FedPlace(Place):
    """The same, fed its own pictures."""

    feedback = PixelFeedback()


def world(model: Model, held: int = 1, head: StateHead | None = None) -> Any:
    """What a planner needs of a simulator."""
    rows = np.random.default_rng(0).uniform(-0.1, 0.1, (40, len(model.spec.names)))
    recorded = np.repeat(rows, held, 0).astype(np.float32)
    recorded = np.concatenate([recorded[:1] * 0, recorded])
    steered = [i for i in range(len(model.spec.names)) if head is None or i not in head.indices]
    return SimpleNamespace(
        name="place",
        model=model.eval(),
        spec=model.spec,
        by_pictures=False,
        steered=steered,
        head=head,
        n_past=1,
        steering={},
        starts=[SimpleNamespace(conditions=torch.from_numpy(recorded))],
        notes={"horizon": 8},
        folder=Path("nowhere"),
        autocast=contextlib.nullcontext,
    )


def picture(x: float, y: float) -> Tensor:
    return torch.tensor([x, x, y, y]).expand(1, 4, 4)


def present(model: Model, x: float = 0.2, y: float = 0.5) -> Present:
    width = model.spec.condition[0]
    return Present.after(model, picture(x, y)[None], torch.zeros(1, width))


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: type(s).__name__)
def test_a_search_finds_the_optimum_that_is_known(search: Any) -> None:
    """Three steps of at most 0.1 from (0.2, 0.5) to (0.45, 0.3), seen at the last step alone."""
    model = Place(SPEC)
    planner = Planner(world(model), PixelGoal(picture(0.45, 0.3)), search, 3, looked_at=1)
    plan = planner.plan(present(model))
    np.testing.assert_allclose(plan.actions.sum(0), [0.25, -0.2], atol=0.01)
    assert np.abs(plan.actions).max() <= 0.1 + 1e-6
    assert plan.expected.mean < 2e-4 < plan.at_rest.mean
    assert list(plan.history) == sorted(plan.history, reverse=True)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: type(s).__name__)
def test_the_same_seed_gives_the_same_plan(search: Any) -> None:
    model = Place(SPEC)
    model.drift = 0.02

    def plan(seed: int) -> Any:
        cost = PixelGoal(picture(0.45, 0.3))
        return Planner(world(model), cost, search, 3, futures=3, seed=seed).plan(present(model))

    one, again, other = plan(1), plan(1), plan(2)
    np.testing.assert_array_equal(one.actions, again.actions)
    assert one.expected == again.expected
    assert not np.array_equal(one.actions, other.actions)


@pytest.mark.parametrize("kind", [Place, FedPlace])
@pytest.mark.parametrize("looked_at", [1, 2, 5])
def test_many_sequences_at_once_are_each_alone(kind: type[Place], looked_at: int) -> None:
    """A sequence has the same futures alone, in any batch, and as a session sees them."""
    model = kind(SPEC)
    model.drift = 0.03
    imagination = Imagination(model.eval(), (0, 1), None, 3, looked_at)
    actions = torch.rand(7, 5, 2) / 10 - 0.05
    with torch.no_grad():
        whole = imagination.imagine(present(model, 0.5), actions, seed=4)
        alone = [
            imagination.imagine(present(model, 0.5), one[None], seed=4).frames for one in actions
        ]
    torch.testing.assert_close(whole.frames, torch.cat(alone))
    drift = torch.stack(_draws(4, 3, 5)) * model.drift
    at = 0.5 + (actions[:, None] + drift.movedim(0, 1)).cumsum(2)
    looks = [t - 1 for t in imagination.looks(5)]
    torch.testing.assert_close(whole.frames[..., 0, 0, [0, -1]], at[:, :, looks])


def _draws(seed: int, samples: int, steps: int) -> Sequence[Tensor]:
    noise = Noise([seed], samples)
    return [noise.draw([(2,)], torch.device("cpu"))[0] for _ in range(steps)]


def test_a_real_model_is_imagined_as_a_session_sees_it(run: Path) -> None:
    simulator = Simulator(run)
    drive = simulator.begin(0, samples=1, seed=9)
    imagination = Imagination.of(simulator, 1, 3)
    actions = torch.randint(-3, 4, (4, 3, 2)).float()
    with torch.no_grad():
        found = imagination.imagine(Present.of(drive), actions, seed=9).frames
    for own, sequence in zip(found, actions, strict=True):
        other = simulator.begin(0, samples=1, seed=9)
        other.session.noise = Noise([9])
        seen = [simulator.act([other], [action])[0][0] for action in sequence]
        torch.testing.assert_close(own[0], torch.stack(seen), rtol=1e-4, atol=1e-4)


def test_risk_prefers_what_is_certain() -> None:
    """Going up gains more on average, going down is certain."""

    def reward(imagined: Imagined) -> Tensor:
        up = imagined.actions.sum((1, 2))[:, None]
        luck = torch.tensor([3.0, -2.0])
        return torch.where(up > 0, up * (1 + luck), -up * 0.9)

    model = Place(SPEC)
    ways = [
        Planner(world(model), RewardCost(reward), horizon=2, futures=2, risk=risk)
        for risk in (0.0, 1.0)
    ]
    sums = [
        planner._costs(
            present(model), torch.tensor([[[0.1, 0.1]] * 2, [[-0.1, -0.1]] * 2]), lambda count: None
        )
        for planner in ways
    ]
    assert sums[0][0] < sums[0][1]
    assert sums[1][1] < sums[1][0]


def test_commands_keep_to_blocks_limits_and_changes() -> None:
    model = Place(SPEC)
    commands = Commands.of(world(model, held=3))
    assert (commands.held, commands.first) == (3, 1)
    assert [commands.lead(step) for step in (1, 2, 3, 4)] == [0, 2, 1, 0]
    tight = dataclasses.replace(commands, change=torch.tensor([0.02, 0.05]))
    last = torch.tensor([0.05, 0.0])
    found = tight.feasible(torch.randn(50, 4, 2), last)
    steps = torch.diff(torch.cat([last.expand(50, 1, 2), found], 1), dim=1).abs()
    assert bool((steps <= tight.change + 1e-6).all())
    assert bool((found.abs() <= 0.1 + 1e-6).all())
    frames = tight.frames(found, last, step=2, frames=7)
    assert torch.equal(frames[:, :2], last.expand(50, 2, 2))
    assert torch.equal(frames[:, 2:5], found[:, :1].expand(-1, 3, -1))
    assert frames.shape == (50, 7, 2)


@pytest.mark.parametrize(("held", "found"), [(1, (1, 0)), (2, (2, 1)), (5, (5, 1))])
def test_blocks_are_read_from_recordings(held: int, found: tuple[int, int]) -> None:
    rows = np.repeat(np.random.default_rng(3).normal(size=(30, 2)), held, 0)
    assert blocks_of([rows, rows[: 4 * held]]) == found


def test_states_to_come_are_planned_for() -> None:
    """The state goes where the action says: the plan is the way, without a picture."""
    names, many = ("vx", "vy", "x", "y"), ((0.0,) * 4, (0.1,) * 4, (-0.1,) * 4, (0.1,) * 4)
    spec = ClipSpec((1, 4, 4), (4,), ("action", "state"), names, *many)
    rng = np.random.default_rng(0)
    episodes = []
    for _ in range(4):
        velocity = rng.uniform(-0.1, 0.1, (60, 2))
        at = np.concatenate([np.zeros((1, 2)), velocity.cumsum(0)[:-1]])
        episodes.append(np.concatenate([velocity, at], 1))
    head = StateHead.fit(episodes, episodes[:1], [2, 3])

    class Two(Place):
        def embed(self, conditions: Tensor) -> Tensor:
            return conditions[..., :2]

    model = Two(spec)
    simulator = world(model, head=head)
    planner = Planner(simulator, StateGoal(simulator, {"x": 0.15, "y": -0.1}), horizon=3)
    plan = planner.plan(present(model))
    assert plan.names == ("vx", "vy")
    np.testing.assert_allclose(plan.actions.sum(0), [0.15, -0.1], atol=0.03)
    with pytest.raises(InputError, match=r"unknown state 'z'; .*Known: x, y"):
        StateGoal(simulator, {"z": 0.0})
    with pytest.raises(InputError, match="place predicts no states; expected a run"):
        StateGoal(world(Place(SPEC)), {"x": 0.0})


def test_a_policy_gets_there_in_another_world() -> None:
    model = Place(SPEC)
    planner = Planner(world(model), PixelGoal(picture(0.8, 0.3)), CrossEntropy(64, 4), 4)
    policy, at = PlanningPolicy(planner, replan=2), torch.tensor([0.2, 0.5])
    for _ in range(8):
        seen = (picture(*at.tolist()) * 255).round().to(torch.uint8).movedim(0, -1).numpy()
        at = at + torch.from_numpy(policy(seen)) * 0.9  # it moves less than the model thinks
    np.testing.assert_allclose(at.numpy(), [0.8, 0.3], atol=0.06)
    policy.reset()
    assert policy.plan is None
    with pytest.raises(InputError, match=r"shape \[8, 8, 1\]; expected 4x4 pixels"):
        policy(np.zeros((8, 8, 1), np.uint8))
    with pytest.raises(InputError, match="got 2 states; expected 0"):
        policy(np.zeros((4, 4, 1), np.uint8), np.zeros(2))


def test_an_earlier_plan_is_gone_on_from() -> None:
    model = Place(SPEC)
    planner = Planner(world(model), PixelGoal(picture(0.45, 0.3)), horizon=4)
    plan = planner.plan(present(model))
    later = dataclasses.replace(present(model), step=plan.step + 1)
    begin = planner._begin(later, 4, plan)
    assert torch.equal(begin[:3], plan.commands[1:])
    assert torch.equal(begin[3], planner.commands.mean)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_cost_that_is_no_number_is_said(value: float) -> None:
    model = Place(SPEC)

    def reward(imagined: Imagined) -> Tensor:
        return torch.where(imagined.actions[:, 0, 0] > 0.02, value, 0.0)

    with pytest.raises(InputError, match=r"the cost of \d+ of \d+ sequences is .*check the goal"):
        Planner(world(model), RewardCost(reward), horizon=2).plan(present(model))


def test_what_a_reward_returns_is_checked() -> None:
    model = Place(SPEC)
    cost = RewardCost(lambda imagined: torch.zeros(3))
    with pytest.raises(InputError, match=r"returned shape \[3\] for \d+ sequences .*expected \["):
        Planner(world(model), cost, horizon=2).plan(present(model))
    flat = RewardCost(lambda imagined: torch.zeros(len(imagined.actions)))
    with pytest.raises(InputError, match=r"no gradient .*use another planner"):
        Planner(world(model), flat, SEARCHES[2], horizon=2).plan(present(model))


def test_what_cannot_be_planned_with_is_said() -> None:
    model = Place(SPEC)
    with pytest.warns(InputWarning, match="a horizon of 9 frames is beyond the 8 that place"):
        Planner(world(model), PixelGoal(picture(0, 0)), horizon=9)
    still = dataclasses.replace(SPEC, low=(0.0, 0.0), high=(0.0, 0.0))
    with pytest.raises(InputError, match="no action of place changes"):
        Planner(world(Place(still)), PixelGoal(picture(0, 0)), horizon=2)
    none = world(model)
    none.steered = []
    with pytest.raises(InputError, match="place has no actions; expected a run with actions"):
        Planner(none, PixelGoal(picture(0, 0)), horizon=2)
    for options, said in (
        ({"horizon": 0}, "horizon is 0"),
        ({"futures": 0}, "futures is 0"),
        ({"risk": -1.0}, "risk is -1"),
    ):
        with pytest.raises(InputError, match=said):
            Planner(world(model), PixelGoal(picture(0, 0)), **{"horizon": 2, **options})
    with pytest.raises(InputError, match="samples is 0; expected at least 1"):
        CrossEntropy(samples=0)


@pytest.mark.parametrize("name", ["compact", "svg"])
def test_every_planner_plans_in_every_kind_of_feedback(name: str) -> None:
    spec = dataclasses.replace(SPEC, frame=(3, 16, 16))
    model = models.build(name, spec, SMALL[name]).eval()
    begun = Present.after(model, torch.rand(2, 3, 16, 16), torch.zeros(2, 2))
    for cost in (PixelGoal(torch.rand(3, 16, 16)), CodeGoal(model, torch.rand(3, 16, 16))):
        for search in (CrossEntropy(6, 2), Mppi(6, 2), Gradient(CrossEntropy(4, 1), 2, 2)):
            plan = Planner(world(model), cost, search, 3, futures=2).plan(begun)
            assert np.isfinite(plan.actions).all()
            assert plan.actions.shape == (3, 2)


# The command


def command(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_writes_a_plan_a_film_and_actions(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--samples", 6, "--iterations", 2, "--futures", 2, "--horizon", 4)
    out, again = tmp_path / "a plan", tmp_path / "again"
    wanted = ("--goal-frame", 5, "--steps", 6, "--replan", 3)
    assert command("plan", run, out, *wanted, *few) == 0
    printed = capsys.readouterr().out
    assert "2 plans, 24 sequences tried, " in printed
    assert "in the model: " in printed
    assert f"next: foreframe play {run}" in printed
    plan = json.loads((out / "plan.json").read_text())
    assert plan["settings"]["goal"].startswith("frame 5 of clip 0")
    assert len(plan["plans"]) == 2
    rows = np.loadtxt(out / "actions.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:, 1:], plan["actions"])
    assert rows[:, 0].tolist() == [2, 3, 4, 5, 6, 7]
    with np.load(out / "actions.npz") as arrays:
        assert arrays["frames"].shape == (6, 32, 64, 3)
    with Image.open(out / "film.webp") as film:
        assert film.n_frames > 2  # equal frames are one
    assert not list(tmp_path.glob("*.partial"))
    assert command("plan", run, again, *wanted, *few) == 0
    assert json.loads((again / "plan.json").read_text())["actions"] == plan["actions"]


def test_a_picture_and_a_function_are_goals_too(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("--samples", 4, "--iterations", 1, "--futures", 1, "--horizon", 2)
    monkeypatch.chdir(tmp_path)
    clip = Simulator(run).starts[0]
    Image.fromarray(clip.frames[4].movedim(0, -1).numpy()).save("goal.png")
    Path("rewards.py").write_text("def bright(seen): return seen.frames.mean((2, 3, 4, 5))\n")
    goal = ("--goal", "goal.png", "--distance", "code")
    assert command("plan", run, "a", *goal, "--planner", "mppi", "--format", "gif", *few) == 0
    assert Path("a/film.gif").is_file()
    assert command("plan", run, "b", "--reward", "rewards:bright", *few) == 0
    assert json.loads(Path("b/plan.json").read_text())["costs"] == {"before": None, "after": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "got no goal; expected one of --goal, --goal-frame, --goal-state, --reward"),
        (("--goal-frame", "1", "--reward", "a:b"), "got --goal-frame and --reward"),
        (("--goal-frame", "99"), "--goal-frame is 99; clip 0 .* has frames 0 to 11"),
        (("--goal", "none.png"), "none.png cannot be read as a picture"),
        (("--goal", "large.png"), "large.png is 7x9 pixels; expected 32x64"),
        (("--goal-state", "x=1"), "run predicts no states; expected a run"),
        (("--goal-state", "x"), "--goal-state is 'x'; expected NAME=VALUE"),
        (("--reward", "rewards"), "--reward is 'rewards'; expected MODULE:FUNCTION"),
        (("--reward", "no_such_module:x"), "No module named 'no_such_module'"),
        (("--reward", "json:no"), "json has no function 'no'"),
        (("--goal-frame", "1", "--start", "9"), "--start is 9; run has clips 0 to 1"),
        (("--goal-frame", "1", "--replan", "0"), "replan 0; expected at least 1 step"),
        (("--goal-frame", "1", "--planner", "cma"), "planner"),
    ],
)
def test_what_cannot_be_a_goal_is_one_line(
    words: tuple[str, ...],
    said: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 7)).save("large.png")
    assert command("plan", run, "out", *words) == 2
    printed = capsys.readouterr().err
    assert re.search(said, printed), printed
    assert len(printed.strip().splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (np.zeros((8, 8, 3)), r"a goal is a tensor \[C, H, W\].*got \[8, 8, 3\]"),
        (torch.zeros(8, 8), r"got \[8, 8\]"),
        (torch.full((1, 8, 8), 200.0), "numbers from 200 to 200; expected bytes, or floats"),
        (torch.full((1, 8, 8), torch.nan), "numbers from nan"),
    ],
)
def test_goals_that_are_no_pictures_are_refused(goal: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PixelGoal(goal)


def test_a_goal_of_another_size_is_refused() -> None:
    imagined = Imagined(torch.ones(1, 2, 1, 1, 4, 4), torch.zeros(1, 3, 2), torch.zeros(1, 0))
    with pytest.raises(InputError, match=r"the goal is \[1, 8, 8\] and pictures .* \[1, 4, 4\]"):
        PixelGoal(torch.ones(1, 8, 8))(imagined)


def test_gradients_need_costs_that_have_some() -> None:
    with pytest.raises(InputError, match="no gradient; expected another search"):
        Gradient().search(SimpleNamespace(slopes=None))  # type: ignore[arg-type]
