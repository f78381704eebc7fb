"""The law of the house: imports go one way, there are no circles, and nothing is called utils."""

from __future__ import annotations

import ast
from pathlib import Path

import foreframe

ROOT = Path(foreframe.__file__).parent

# Lower may not import higher. Rooms on one line are neighbours: they may use each other, but not in a circle.
FLOORS = [
    {"errors", "version", "plugins", "runtime", "clips", "gaussian", "noise", "schedules"},
    {
        "feedback",
        "model",
        "points",
        "decoding",
        "rollouts",
        "objective",
        "session",
        "nn",
        "data",
        "metrics",
        "viz",
        "state_head",
        "recipes",
    },
    {"models", "baselines"},
    {"evaluation"},
    {"training"},
    {"simulate", "pretrained"},
    {"reporting", "env"},
    {"demonstration", "experiments", "serve"},
    {"cli", "__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FORBIDDEN = {
    "data": {"models", "model", "rollouts", "nn", "training", "viz"},
    "metrics": {"data", "models", "model", "rollouts"},
    "viz": {"data", "models", "model", "rollouts"},
}


def modules() -> dict[str, Path]:
    names = {}
    for file in ROOT.rglob("*.py"):
        parts = [*file.relative_to(ROOT).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports(name: str, file: Path) -> set[str]:
    """The foreframe modules that a module imports anywhere in it."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            home = package[: len(package) - node.level + 1]
            target = [*home, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                full = ".".join([*target, alias.name])
                found.add(full if full in modules() else ".".join(target))
    return found - {""}


def room(name: str) -> str:
    return name.split(".")[0]


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in modules() if name} == set(FLOOR)


def test_imports_go_down_or_stay() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, file in modules().items()
        if name
        for target in imports(name, file)
        if FLOOR[room(target)] > FLOOR[room(name)] or room(target) in FORBIDDEN.get(room(name), ())
    ]
    assert not wrong


def test_rooms_have_no_circles() -> None:
    edges = {
        (room(n), room(t))
        for n, f in modules().items()
        if n
        for t in imports(n, f)
        if room(n) != room(t)
    }
    left = set(FLOOR)
    while left:
        leaves = {r for r in left if not any(a == r and b in left for a, b in edges)}
        assert leaves, f"a circle among {sorted(left)}"
        left -= leaves


def test_only_the_rollout_loops_over_time() -> None:
    """A model's file has no loop over steps: what it loops over is its own layers."""
    for file in (ROOT / "models").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.For | ast.comprehension):
                text = ast.unparse(node.iter)
                assert not any(word in text for word in ("steps", "unbind", "horizon", "frames")), (
                    f"{file}: {text}"
                )


def test_names_say_what_is_inside() -> None:
    vague = {"utils", "util", "base", "common", "helpers", "misc", "core"}
    assert not vague & {part for name in modules() for part in name.split(".")}
