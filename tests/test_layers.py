"""The law of the house, read from the source: imports go one way, there are no circles, and one
function loops over time.

    python tests/test_layers.py        # rooms, arrows and circles, counted

A room is a folder or a module of `foreframe`; an arrow is a room that imports another.
"""

from __future__ import annotations

import ast
import functools
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import foreframe

ROOT = Path(foreframe.__file__).parent
PACKAGE = foreframe.__name__

# Lower may not import higher. Rooms on one line are neighbours: they may use each other, but not in
# a circle.
FLOORS = [
    {
        "errors",
        "version",
        "plugins",
        "runtime",
        "hub",
        "showing",
        "clips",
        "gaussian",
        "noise",
        "schedules",
    },
    {
        "feedback",
        "model",
        "points",
        "decoding",
        "rollouts",
        "objective",
        "futures_score",
        "session",
        "nn",
        "data",
        "metrics",
        "viz",
        "state_head",
        "outcome_head",
        "recipes",
        "trackers",
    },
    {"models", "baselines"},
    {"evaluation"},
    {"training"},
    {"simulate", "pretrained"},
    {"reporting", "env", "planning"},
    {"demonstration", "experiments", "serve", "portable", "notebook"},
    {"cli", "__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FORBIDDEN = {
    "data": {"models", "model", "rollouts", "nn", "training", "viz"},
    "metrics": {"data", "models", "model", "rollouts"},
    "viz": {"data", "models", "model", "rollouts"},
}
# Where steps of a model are made one after the other, and where tensors are walked through in a
# model's rooms.
LOOPS_OVER_TIME = {"rollouts.advance"}
LOOPS_OVER_TENSORS = {"nn.step_batch_norm.StepBatchNorm.forward"}
_MODEL_ROOMS = ("models", "baselines", "nn")
_CUTS_A_TENSOR = {"unbind", "split", "chunk", "unfold", "tensor_split", "tolist"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor | ast.While | ast.comprehension


# What is imported


def modules(root: Path = ROOT) -> dict[str, Path]:
    """The modules by dotted name without the package's own; the package itself is ''."""
    names = {}
    for file in root.rglob("*.py"):
        parts = [*file.relative_to(root).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


@functools.cache
def known() -> frozenset[str]:
    return frozenset(modules())


@functools.cache
def public() -> Mapping[str, str]:
    """The names that `from foreframe import NAME` gives, with the module each comes from."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    return {
        alias.asname or alias.name: (node.module or alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }


def imports(name: str, source: str, is_package: bool) -> set[str]:
    """The modules of the package that a module imports anywhere in it.

    Relative, absolute, or by a string.
    """
    package = name.split(".") if is_package else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= _imported_from(node, [part for part in package if part])
        elif isinstance(node, ast.Import):
            found |= {_within(alias.name) for alias in node.names}
        elif isinstance(node, ast.Call):
            found |= _imported_by_a_string(node, [part for part in package if part])
    return {_module(target) for target in found} - {""}


def _imported_from(node: ast.ImportFrom, package: list[str]) -> set[str]:
    if node.level:
        home = package[: len(package) - node.level + 1]
        target = [*home, *(node.module.split(".") if node.module else [])]
    elif (node.module or "").split(".")[0] == PACKAGE:
        target = (node.module or "").split(".")[1:]
    else:
        return set()
    return {".".join([*target, alias.name]) for alias in node.names}


def _imported_by_a_string(node: ast.Call, package: list[str]) -> set[str]:
    """`import_module("foreframe.x")`, `import_module(".x", __package__)`, `__import__`, with the
    fixed part of an f-string.
    """
    called = (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    )
    if called not in ("import_module", "__import__") or not node.args:
        return set()
    first = node.args[0]
    if isinstance(first, ast.JoinedStr) and first.values:
        first = first.values[0]
    text = first.value if isinstance(first, ast.Constant) else ""
    if not isinstance(text, str):
        return set()
    if text.startswith("."):
        level = len(text) - len(text.lstrip("."))
        return {".".join([*package[: len(package) - level + 1], text.lstrip(".")]).strip(".")}
    return {_within(text)}


def _within(dotted: str) -> str:
    """A dotted name without the package's own; empty for what is not ours."""
    first, _, rest = dotted.partition(".")
    return rest if first == PACKAGE else ""


def _module(target: str) -> str:
    """The module that a dotted name is, or is defined in."""
    if target in public() and target not in known():
        target = public()[target]
    while target and target not in known():
        target = target.rpartition(".")[0]
    return target


def room(name: str) -> str:
    return name.split(".")[0]


@functools.cache
def arrows() -> frozenset[tuple[str, str]]:
    """Pairs (module, module it imports), without the package's own face."""
    return frozenset(
        (name, target)
        for name, file in modules().items()
        if name
        for target in imports(name, file.read_text(), file.name == "__init__.py")
        if target != name
    )


def circles(edges: set[tuple[str, str]]) -> list[set[str]]:
    """The groups in which each reaches every other."""
    nodes = {node for edge in edges for node in edge}
    reach = {node: {b for a, b in edges if a == node} for node in nodes}
    for middle in nodes:
        for node in nodes:
            if middle in reach[node]:
                reach[node] |= reach[middle]
    groups = {frozenset(b for b in reach[a] if a in reach[b]) for a in nodes if a in reach[a]}
    return sorted((set(group) for group in groups), key=sorted)


def room_arrows() -> set[tuple[str, str]]:
    return {(room(a), room(b)) for a, b in arrows() if room(a) != room(b)}


# What loops over time


def functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    """Every function with its dotted name; nested ones belong to the function around them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}.{node.name}")
        elif isinstance(node, Function):
            yield f"{prefix}.{node.name}", node
        else:
            yield from functions(node, prefix)


def loops(function: ast.AST) -> Iterator[tuple[Loop, list[ast.AST]]]:
    """The loops in a function, each with what is done in every turn."""
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.AsyncFor):
            yield node, list(node.body)
        elif isinstance(node, ast.While):
            yield node, [node.test, *node.body]
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            for one in node.generators:
                yield one, [node.elt, *one.ifs]
        elif isinstance(node, ast.DictComp):
            for one in node.generators:
                yield one, [node.key, node.value, *one.ifs]


def _makes_a_step(node: ast.AST, steppers: set[str]) -> bool:
    """Whether a model's step is made in `node`.

    `model.step(state, previous, ...)`, or a function that makes one.
    """
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute):
            if call.func.attr == "step" and len(call.args) + len(call.keywords) >= 3:
                return True
            if call.func.attr in steppers:
                return True
        if isinstance(call.func, ast.Name) and call.func.id in steppers:
            return True
    return False


def loops_over_time(name: str, source: str) -> set[str]:
    """The functions of a module that make a model's steps in a loop."""
    tree = ast.parse(source)
    nested = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    steppers = {
        inner
        for inner, node in nested.items()
        if _makes_a_step(node, set()) and not any(_turns(node, set()))
    }
    return {full for full, node in functions(tree, name) if any(_turns(node, steppers))}


def _turns(function: ast.AST, steppers: set[str]) -> Iterator[bool]:
    for _, body in loops(function):
        yield any(_makes_a_step(node, steppers) for node in body)


def loops_over_tensors(name: str, source: str) -> set[str]:
    """The functions of a module that compute on tensors and loop over more than layers.

    Over a count, or a tensor's parts.
    """
    found = set()
    for full, function in functions(ast.parse(source), name):
        tensors = _tensor_names(function)
        if not tensors:
            continue  # it builds layers or reads options
        assigned = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for loop, _ in loops(function):
            if isinstance(loop, ast.While) or _walks(loop.iter, tensors, assigned):
                found.add(full)
    return found


def _tensor_names(function: Function) -> set[str]:
    """The arguments that are tensors, of the function and of those in it."""
    every = [node for node in ast.walk(function) if isinstance(node, Function)]
    return {
        argument.arg
        for node in every
        for argument in [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
        if argument.annotation is not None
        and ast.unparse(argument.annotation) in ("Tensor", "torch.Tensor", "Tensor | None")
    }


def _walks(iterable: ast.AST, tensors: set[str], assigned: Mapping[str, ast.AST]) -> bool:
    """Whether going through `iterable` is going through a tensor or a count.

    What a name was given is looked up once.
    """
    if isinstance(iterable, ast.Name) and iterable.id in assigned:
        iterable = assigned[iterable.id]
    for node in ast.walk(iterable):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in _CUTS_A_TENSOR or (called == "range" and not _counts_layers(node)):
                return True
    parts = iterable.args if isinstance(iterable, ast.Call) else [iterable]
    return any(isinstance(part, ast.Name) and part.id in tensors for part in parts)


def _counts_layers(node: ast.Call) -> bool:
    """`range(len(self.layers))`."""
    text = ast.unparse(node)
    return text.startswith("range(len(self.")


# The tests


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in modules() if name} == set(FLOOR)


def test_imports_go_down_or_stay() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, target in sorted(arrows())
        if FLOOR[room(target)] > FLOOR[room(name)] or room(target) in FORBIDDEN.get(room(name), ())
    ]
    assert not wrong


def test_rooms_have_no_circles() -> None:
    assert not circles(room_arrows())


def test_one_function_loops_over_time() -> None:
    found = set().union(*(loops_over_time(n, f.read_text()) for n, f in modules().items()))
    assert found == LOOPS_OVER_TIME


def test_models_loop_over_their_layers() -> None:
    found = set().union(
        *(
            loops_over_tensors(name, file.read_text())
            for name, file in modules().items()
            if room(name) in _MODEL_ROOMS
        )
    )
    assert found == LOOPS_OVER_TENSORS


def test_names_say_what_is_inside() -> None:
    vague = {"utils", "util", "base", "common", "helpers", "misc", "core"}
    assert not vague & {part for name in modules() for part in name.split(".")}


def test_the_reader_sees_every_kind_of_import() -> None:
    for text in (
        "from ..training import loop",
        "from ..training.loop import fit",
        "import foreframe.training.loop",
        "import foreframe.training.loop as anything",
        "from foreframe.training import loop",
        "def f():\n    from foreframe import training",
        "importlib.import_module('foreframe.training.loop')",
        "import_module('..training', __package__)",
        "__import__('foreframe.training')",
        "import_module(f'foreframe.training.{name}')",
    ):
        assert {room(m) for m in imports("data.store", text, False)} == {"training"}, text
    assert imports("data.store", "from foreframe import rollout", False) == {"rollouts"}
    assert imports("data", "from .store import ClipStore\nimport torch, json", True) == {
        "data.store"
    }


def test_the_reader_sees_every_kind_of_loop() -> None:
    for text in (
        "for t in range(T):\n    state, made = self.step(state, None, c, None, z)",
        "while t < 5:\n    state, made = model.step(state, None, c, None, z)",
        "states = [self.step(s, p, c, x, z) for s, p in pairs]",
        "def once(s):\n    return self.step(s, None, c, None, z)\n"
        "for t in range(T):\n    s = once(s)",
    ):
        whole = "def f(self, frames: Tensor, layers):\n" + textwrap.indent(text, "    ")
        assert loops_over_time("m", whole) == {"m.f"}, text
    assert not loops_over_time("m", "def f(self):\n    for x in y:\n        self.optimiser.step()")
    for text in (
        "for t in range(T):\n    pass",
        "for t in range(frames.shape[1]):\n    pass",
        "steps = range(5)\nfor t in steps:\n    pass",
        "out = [g(f) for f in frames.unbind(1)]",
        "for f in frames:\n    pass",
        "for i, f in enumerate(frames):\n    pass",
        "while True:\n    break",
    ):
        whole = "def f(self, frames: Tensor, layers):\n" + textwrap.indent(text, "    ")
        assert loops_over_tensors("m", whole) == {"m.f"}, text
    for text in (
        "for l in self.layers:\n    pass",
        "for l, s in zip(self.layers, layers):\n    pass",
    ):
        whole = "def f(self, frames: Tensor, layers):\n" + textwrap.indent(text, "    ")
        assert not loops_over_tensors("m", whole), text
    assert not loops_over_tensors(
        "m", "def f(self, depth: int):\n    return [1 for _ in range(depth)]"
    )


def report() -> str:
    """Rooms, arrows and circles in words."""
    rooms, between = {room(name) for name in modules() if name}, room_arrows()
    lines = [
        f"{len(modules())} modules in {len(rooms)} rooms on {len(FLOORS)} floors",
        f"{len(arrows())} arrows between modules, {len(between)} between rooms",
        f"{len(circles(between))} circles of rooms, {len(circles(set(arrows())))} of modules",
        f"loops over time: {', '.join(sorted(LOOPS_OVER_TIME))}",
    ]
    for number, floor in enumerate(FLOORS):
        for name in sorted(floor):
            uses = ", ".join(sorted(b for a, b in between if a == name)) or "nothing"
            lines.append(f"  {number}  {name:<14} uses {uses}")
    return "\n".join(lines)


def test_the_report_counts_what_there_is() -> None:
    said = report()
    print(said)
    assert f"in {len(FLOOR)} rooms" in said
    assert "0 circles of rooms" in said


if __name__ == "__main__":
    print(report())
