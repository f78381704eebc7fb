"""The bin, the arm and what lies in the bin.

MJCF text and textures, drawn from two independent random streams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .._raycast import Texture

MAX_OBJECTS = 12
FRAME_S = 1 / 3  # BAIR's rhythm: three frames a second
STEPS_PER_FRAME = 84
TIMESTEP_S = FRAME_S / STEPS_PER_FRAME
BIN_CENTRE = (0.60, 0.0)
BIN_HALF = (0.21, 0.27)  # half extents of the floor, m
WORKSPACE_LOW, WORKSPACE_HIGH = np.array([0.45, -0.20]), np.array([0.75, 0.20])
HAND_LOW_M, LIFT_M = 0.115, 0.10  # palm height when down; a lift command adds the second
SHOULDER = np.array([0.02, 0.0, 0.42])
UPPER_ARM_M, FOREARM_M = 0.46, 0.46
FINGER_TRAVEL_M = 0.028


@dataclass(frozen=True)
class Body:
    """One object: its MJCF geoms (without names), how it looks, and the physics that no picture
    shows.
    """

    geoms: list[str]
    textures: list[Texture]
    radius_m: float
    volume_m3: float
    mass_kg: float
    friction: float


@dataclass
class Scene:
    """MJCF text with the textures of its geoms, by geom name."""

    xml: str
    textures: dict[str, Texture]
    bodies: list[Body]
    mass_offsets: list[tuple[float, float, float]] = field(default_factory=list)


def build(looks: np.random.Generator, physics: np.random.Generator, wrist: float = 0.3) -> Scene:
    """Draw a scene: 5 to 12 objects in a bin.

    Looks and hidden physics come from separate streams. `wrist` is how stiff the hand is against
    being turned: what MuJoCo calls the torque scale of a weld.
    """
    bodies = [_object(looks, physics) for _ in range(looks.integers(5, MAX_OBJECTS + 1))]
    textures: dict[str, Texture] = {}
    parts = [_bin(looks, textures), _arm(textures)]
    offsets = []
    for number, body in enumerate(bodies):
        offset = tuple(physics.uniform(-0.35, 0.35, 3) * body.radius_m)
        offsets.append((float(offset[0]), float(offset[1]), float(offset[2])))
        parts.append(_placed(number, body, offsets[-1], _drop_pose(number, physics), textures))
    return Scene(
        _WORLD.format(timestep=TIMESTEP_S, bodies="\n".join(parts), wrist=wrist),
        textures,
        bodies,
        offsets,
    )


_WORLD = """
<mujoco>
  <option timestep="{timestep:.8f}" integrator="implicitfast" cone="elliptic" impratio="5">
    <flag sleep="enable"/>
  </option>
  <size memory="16M"/>
  <default>
    <geom condim="6" friction="0.5 0.005 0.002" solref="0.01 1" solimp="0.95 0.99 0.002"/>
    <default class="wall">
      <geom type="plane" size="1 1 .1" group="4" friction="0.1 0.001 0.0005"/>
    </default>
    <default class="sight"><geom contype="0" conaffinity="0" mass="0"/></default>
  </default>
  <worldbody>
    {bodies}
  </worldbody>
  <equality>
    <weld body1="hand" body2="target" solref="0.02 1" torquescale="{wrist}"/>
  </equality>
  <actuator>
    <position joint="finger_left" kp="90" kv="4" forcerange="-4 4"/>
    <position joint="finger_right" kp="90" kv="4" forcerange="-4 4"/>
  </actuator>
</mujoco>
"""


def _srgb(red: float, green: float, blue: float) -> tuple[float, float, float]:
    return red**2.2, green**2.2, blue**2.2


def _bin(looks: np.random.Generator, textures: dict[str, Texture]) -> str:
    """Table, floor, four visible walls, and invisible planes above them that keep everything
    inside.
    """
    (cx, cy), (hx, hy) = BIN_CENTRE, BIN_HALF
    wooden = looks.random() < 0.5
    shade = looks.uniform(0.9, 1.05)
    if wooden:
        floor = Texture(
            _srgb(0.72 * shade, 0.55 * shade, 0.36 * shade),
            _srgb(0.62 * shade, 0.44 * shade, 0.27 * shade),
            "grain",
            0.05,
        )
    else:
        floor = Texture(
            _srgb(0.60 * shade, 0.62 * shade, 0.64 * shade),
            _srgb(0.55 * shade, 0.57 * shade, 0.60 * shade),
            "speckle",
            0.03,
        )
    wall = Texture(_srgb(0.42, 0.45, 0.50), _srgb(0.42, 0.45, 0.50))
    textures |= {
        "floor": floor,
        "table": Texture(_srgb(0.30, 0.31, 0.33), _srgb(0.26, 0.27, 0.29), "speckle", 0.2),
    }
    lines = [
        f'<geom name="floor" type="box" pos="{cx} {cy} -0.05" size="{hx} {hy} 0.05" '
        'friction="0.05 0.001 0.0005"/>',
        '<geom name="table" type="plane" pos="0 0 -0.06" size="3 3 .1" '
        'contype="0" conaffinity="0"/>',
    ]
    sides = ((1, 0), (-1, 0), (0, 1), (0, -1))
    for number, (dx, dy) in enumerate(sides):
        textures[f"wall{number}"] = wall
        x, y = cx + dx * (hx + 0.01), cy + dy * (hy + 0.01)
        size = f"0.01 {hy + 0.02} 0.03" if dx else f"{hx + 0.02} 0.01 0.03"
        lines.append(f'<geom name="wall{number}" type="box" pos="{x} {y} 0.02" size="{size}"/>')
        lines.append(
            f'<geom class="wall" pos="{cx + dx * hx} {cy + dy * hy} 0" zaxis="{-dx} {-dy} 0"/>'
        )
    return "\n".join(lines)


def _arm(textures: dict[str, Texture]) -> str:
    """A red and black arm: links that are only seen, and a hand with two fingers that pushes."""
    red = Texture(_srgb(0.66, 0.10, 0.12), _srgb(0.66, 0.10, 0.12))
    black = Texture(_srgb(0.10, 0.10, 0.11), _srgb(0.16, 0.16, 0.17), "half", 0.02)
    grey = Texture(_srgb(0.62, 0.63, 0.66), _srgb(0.45, 0.46, 0.49), "rings", 0.05)
    textures |= {
        "pedestal": black,
        "upper_arm": red,
        "elbow": black,
        "forearm": grey,
        "cuff": red,
        "palm": black,
    }
    textures |= {"left_pad": grey, "right_pad": grey, "wrist": grey}
    x, y, z = SHOULDER
    finger = (
        '<body name="{side}" pos="0 {y} -0.035" gravcomp="1">'
        '<joint name="finger_{side}" type="slide" axis="0 {axis} 0" range="0 {travel}" '
        'damping="2"/>'
        '<geom name="{side}_pad" type="box" size="0.011 0.006 0.034" pos="0 0 -0.03" '
        'mass="0.03" friction="0.9 0.01 0.002"/></body>'
    )
    left = finger.format(side="left", y=0.036, axis=-1, travel=FINGER_TRAVEL_M)
    right = finger.format(side="right", y=-0.036, axis=1, travel=FINGER_TRAVEL_M)
    return f"""
    <geom name="pedestal" class="sight" type="cylinder" size="0.075"
      fromto="{x} {y} -0.05 {x} {y} {z + 0.06}"/>
    <body name="target" mocap="true" pos="0.6 0 0.3"/>
    <body name="upper" mocap="true">
      <geom name="upper_arm" class="sight" type="capsule" size="0.058 {UPPER_ARM_M / 2}"/>
      <geom name="elbow" class="sight" type="sphere" size="0.066" pos="0 0 {UPPER_ARM_M / 2}"/>
    </body>
    <body name="fore" mocap="true">
      <geom name="forearm" class="sight" type="capsule" size="0.045 {FOREARM_M / 2}"/></body>
    <body name="hand" pos="0.6 0 0.3" gravcomp="1">
      <freejoint/>
      <geom name="wrist" class="sight" type="cylinder" size="0.038 0.07" pos="0 0 0.11"/>
      <geom name="cuff" class="sight" type="cylinder" size="0.047 0.022" pos="0 0 0.045"/>
      <geom name="palm" type="box" size="0.024 0.05 0.022" mass="0.8"/>
      {left}
      {right}
    </body>"""


def _drop_pose(number: int, physics: np.random.Generator) -> tuple[float, float, float]:
    """A place of its own for each object.

    A jittered grid cell in one of two layers, so that nothing starts inside another.
    """
    cell = number % 6
    column, row = divmod(cell, 3)
    x = BIN_CENTRE[0] + (column - 0.5) * 0.18 + physics.uniform(-0.035, 0.035)
    y = BIN_CENTRE[1] + (row - 1) * 0.17 + physics.uniform(-0.035, 0.035)
    return float(x), float(y), 0.07 + 0.12 * (number // 6)


def _placed(
    number: int,
    body: Body,
    offset: tuple[float, float, float],
    at: tuple[float, float, float],
    textures: dict[str, Texture],
) -> str:
    lines = []
    share = 0.6 / len(body.geoms)  # the rest of the mass sits off centre, where it does not show
    for part, (geom, texture) in enumerate(zip(body.geoms, body.textures, strict=True)):
        name = f"object{number}_{part}"
        textures[name] = texture
        lines.append(
            f'<geom name="{name}" {geom} mass="{body.mass_kg * share:.6f}" '
            f'friction="{body.friction:.4f} 0.005 0.002"/>'
        )
    x, y, z = offset
    lines.append(
        f'<geom type="sphere" size="0.004" pos="{x:.5f} {y:.5f} {z:.5f}" '
        f'mass="{0.4 * body.mass_kg:.6f}" '
        'contype="0" conaffinity="0" group="4"/>'
    )
    place = f"{at[0]:.5f} {at[1]:.5f} {at[2]:.5f}"
    return f'<body name="object{number}" pos="{place}"><freejoint/>{"".join(lines)}</body>'


_PALETTE = (
    _srgb(0.85, 0.16, 0.14),
    _srgb(0.13, 0.42, 0.78),
    _srgb(0.16, 0.60, 0.28),
    _srgb(0.95, 0.76, 0.12),
    _srgb(0.93, 0.48, 0.10),
    _srgb(0.50, 0.22, 0.62),
    _srgb(0.92, 0.92, 0.90),
    _srgb(0.12, 0.14, 0.18),
    _srgb(0.20, 0.70, 0.72),
    _srgb(0.93, 0.55, 0.68),
)


def _object(looks: np.random.Generator, physics: np.random.Generator) -> Body:
    """One of eight kinds, with a texture that shows its rotation. Mass and friction spread widely.

    A picture cannot tell.
    """
    first, second = looks.choice(len(_PALETTE), 2, replace=False)
    pattern = str(looks.choice(["stripes", "rings", "checks", "half"]))
    size = float(looks.uniform(0.022, 0.036))
    geoms, volume = _KINDS[int(looks.integers(len(_KINDS)))](size, looks)
    texture = Texture(_PALETTE[first], _PALETTE[second], pattern, size)
    mass, friction = hidden(volume, physics)
    return Body(geoms, [texture] * len(geoms), size, volume, mass, friction)


def hidden(volume_m3: float, physics: np.random.Generator) -> tuple[float, float]:
    """Draw the mass (kg) and the friction of an object of this volume."""
    density = physics.uniform(150, 1200) * np.exp(physics.uniform(np.log(0.3), np.log(3)))
    friction = physics.uniform(0.25, 0.9) * np.exp(physics.uniform(np.log(0.4), np.log(2.5)))
    return float(np.clip(density * volume_m3, 0.008, 0.5)), float(friction)


def _box(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    a, b, c = s * looks.uniform(0.7, 1.4), s * looks.uniform(0.7, 1.2), s * looks.uniform(0.6, 1.0)
    return [f'type="box" size="{a:.4f} {b:.4f} {c:.4f}"'], 8 * a * b * c


def _cylinder(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    half = s * looks.uniform(0.6, 1.5)
    return [f'type="cylinder" size="{s:.4f} {half:.4f}"'], np.pi * s * s * 2 * half


def _ball(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    return [f'type="sphere" size="{s:.4f}"'], 4 / 3 * np.pi * s**3


def _capsule(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    radius, half = 0.7 * s, s * looks.uniform(0.8, 1.5)
    return [f'type="capsule" size="{radius:.4f} {half:.4f}" euler="0 90 0"'], np.pi * radius**2 * (
        2 * half + 4 / 3 * radius
    )


def _ellipsoid(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    a, b, c = 1.4 * s, s, 0.75 * s
    return [f'type="ellipsoid" size="{a:.4f} {b:.4f} {c:.4f}"'], 4 / 3 * np.pi * a * b * c


def _angle(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    arm, thick = 1.5 * s, 0.5 * s
    return [
        f'type="box" size="{arm:.4f} {thick:.4f} {thick:.4f}"',
        f'type="box" size="{thick:.4f} {arm * 0.7:.4f} {thick:.4f}" '
        f'pos="{arm - thick:.4f} {arm * 0.7:.4f} 0"',
    ], 8 * arm * thick * thick * 1.7


def _cross(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    arm, thick = 1.4 * s, 0.45 * s
    return [
        f'type="box" size="{arm:.4f} {thick:.4f} {thick:.4f}"',
        f'type="box" size="{thick:.4f} {arm:.4f} {thick:.4f}"',
    ], 16 * arm * thick * thick


def _mug(s: float, looks: np.random.Generator) -> tuple[list[str], float]:
    return [
        f'type="cylinder" size="{s:.4f} {1.1 * s:.4f}"',
        f'type="box" size="{0.35 * s:.4f} {0.2 * s:.4f} {0.6 * s:.4f}" pos="{1.25 * s:.4f} 0 0"',
    ], np.pi * s * s * 2.2 * s


_KINDS: tuple[Callable[[float, np.random.Generator], tuple[list[str], float]], ...] = (
    _box,
    _cylinder,
    _ball,
    _capsule,
    _ellipsoid,
    _angle,
    _cross,
    _mug,
)
