"""The dancer and the room: MJCF text and textures.

The room belongs to the world's seed, the clothes to the sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .._raycast import Texture

TIMESTEP_S = 1 / 300
HIP_HEIGHT_M = 0.93
_SKIRT_PANELS, _SKIRT_LENGTH_M, _HAIR_LINKS = 10, 0.15, 4

# Hinges in the order of a pose's numbers: name, body axis at rest (x forward, y to the dancer's
# left, z up), limits in degrees, stiffness of the drive in N m / rad.
HINGES: tuple[tuple[str, tuple[int, int, int], tuple[int, int], float], ...] = (
    ("spine_bend", (0, 1, 0), (-35, 60), 260),
    ("spine_side", (1, 0, 0), (-40, 40), 260),
    ("spine_twist", (0, 0, 1), (-50, 50), 200),
    ("neck_nod", (0, 1, 0), (-40, 45), 30),
    ("neck_turn", (0, 0, 1), (-70, 70), 30),
    *(
        hinge
        for side, sign in (("left", 1), ("right", -1))
        for hinge in (
            (f"{side}_arm_swing", (0, -1, 0), (-80, 190), 60),
            (f"{side}_arm_raise", (sign, 0, 0), (-25, 185), 60),
            (f"{side}_arm_twist", (0, 0, sign), (-90, 90), 25),
            (f"{side}_elbow", (0, -1, 0), (0, 150), 30),
        )
    ),
    *(
        hinge
        for side, sign in (("left", 1), ("right", -1))
        for hinge in (
            (f"{side}_hip_flex", (0, -1, 0), (-40, 120), 260),
            (f"{side}_hip_open", (sign, 0, 0), (-25, 80), 260),
            (f"{side}_hip_turn", (0, 0, sign), (-40, 60), 120),
            (f"{side}_knee", (0, 1, 0), (0, 150), 200),
            (f"{side}_ankle", (0, 1, 0), (-50, 50), 60),
        )
    ),
)


@dataclass(frozen=True)
class Clothes:
    """Textures by what they dress."""

    top: Texture
    trousers: Texture
    skirt: Texture
    hair: Texture
    skin: Texture
    shoes: Texture


def _srgb(red: float, green: float, blue: float) -> tuple[float, float, float]:
    return red**2.2, green**2.2, blue**2.2


_CLOTH = (
    (0.80, 0.16, 0.20),
    (0.93, 0.74, 0.20),
    (0.16, 0.50, 0.72),
    (0.20, 0.60, 0.40),
    (0.55, 0.28, 0.62),
    (0.90, 0.47, 0.25),
)
_PALE, _DARK = _srgb(0.93, 0.92, 0.88), _srgb(0.15, 0.16, 0.22)


def clothes(looks: np.random.Generator) -> Clothes:
    """A sequence's outfit: a striped top, a skirt, dark or pale tights."""
    first, second = (_srgb(*_CLOTH[i]) for i in looks.permutation(len(_CLOTH))[:2])
    stripe = _PALE if looks.random() < 0.6 else _DARK
    tights = (
        _srgb(*looks.uniform(0.12, 0.30, 3))
        if looks.random() < 0.6
        else _srgb(*looks.uniform(0.60, 0.80, 3))
    )
    hair = _srgb(*((0.20, 0.13, 0.09), (0.42, 0.27, 0.14), (0.10, 0.09, 0.09))[looks.integers(3)])
    skin = _srgb(*np.array((0.87, 0.68, 0.56)) * looks.uniform(0.75, 1.05))
    return Clothes(
        top=Texture(first, stripe, "rings", float(looks.uniform(0.10, 0.16))),
        trousers=Texture(tights, tights),
        skirt=Texture(second, first, "rings", float(looks.uniform(0.15, 0.25))),
        hair=Texture(hair, hair),
        skin=Texture(skin, skin),
        shoes=Texture(_DARK, _PALE, "half", 0.1),
    )


@dataclass(frozen=True)
class Stage:
    """MJCF text and the texture of each named geom."""

    xml: str
    textures: dict[str, Texture]


def build(room: np.random.Generator, outfit: Clothes) -> Stage:
    """The dancer in her room."""
    furniture, textures = _room(room)
    textures |= _dressed(outfit)
    drives = "\n".join(
        f'<position joint="{name}" kp="{kp}" kv="{0.12 * kp:.2f}" forcerange="{-2 * kp} {2 * kp}"/>'
        for name, _, _, kp in HINGES
    )
    xml = _WORLD.format(
        timestep=TIMESTEP_S,
        furniture=furniture,
        dancer=_dancer(),
        drives=drives,
        height=HIP_HEIGHT_M,
    )
    return Stage(xml, textures)


_WORLD = """
<mujoco>
  <option timestep="{timestep:.8f}" integrator="implicitfast"/>
  <size memory="16M"/>
  <compiler angle="degree" autolimits="true"/>
  <default>
    <geom contype="0" conaffinity="0" density="900"/>
    <joint armature="0.02" damping="0.6"/>
    <default class="body"><geom contype="1" conaffinity="2"/></default>
    <default class="cloth">
      <geom contype="2" conaffinity="1" density="220" condim="1" solref="0.02 1"/>
      <joint damping="0.02" armature="0.001" stiffness="0.15"/>
    </default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="6 6 .1"/>
    {furniture}
    <body name="carrier" mocap="true" pos="0 0 {height}"/>
    {dancer}
  </worldbody>
  <equality><weld body1="pelvis" body2="carrier" solref="0.03 1" torquescale="1"/></equality>
  <actuator>
  {drives}
  </actuator>
</mujoco>
"""


def _room(room: np.random.Generator) -> tuple[str, dict[str, Texture]]:
    """Floor, wall and furniture. What stands where is drawn once for the whole world."""
    tint = room.uniform(0.92, 1.06, 3)
    textures = {
        "floor": Texture(
            _srgb(*np.array((0.58, 0.43, 0.30)) * tint),
            _srgb(*np.array((0.48, 0.34, 0.23)) * tint),
            "grain",
            0.3,
        ),
        "wall": Texture(
            _srgb(*np.array((0.74, 0.76, 0.74)) * tint),
            _srgb(*np.array((0.66, 0.69, 0.70)) * tint),
            "boards",
            0.9,
        ),
        "skirting": Texture(_srgb(0.85, 0.84, 0.82), _srgb(0.85, 0.84, 0.82)),
        "rug": Texture(_srgb(0.55, 0.30, 0.28), _srgb(0.70, 0.60, 0.48), "checks", 0.45),
        "sofa": Texture(_srgb(0.30, 0.38, 0.42), _srgb(0.26, 0.34, 0.38), "speckle", 0.2),
        "sofa_back": Texture(_srgb(0.32, 0.40, 0.44), _srgb(0.26, 0.34, 0.38), "speckle", 0.2),
        "poster": Texture(_srgb(0.85, 0.62, 0.30), _srgb(0.25, 0.35, 0.55), "checks", 0.3),
        "shelf": Texture(_srgb(0.45, 0.32, 0.22), _srgb(0.70, 0.25, 0.22), "rings", 0.35),
        "lamp_pole": Texture(_DARK, _DARK),
        "lamp_shade": Texture(_srgb(0.95, 0.88, 0.66), _srgb(0.95, 0.88, 0.66)),
        "plant_pot": Texture(_srgb(0.72, 0.42, 0.30), _srgb(0.72, 0.42, 0.30)),
        "plant": Texture(_srgb(0.22, 0.42, 0.20), _srgb(0.34, 0.52, 0.24), "speckle", 0.15),
    }
    side = 1 if room.random() < 0.5 else -1
    sofa, shelf, poster = (
        side * room.uniform(1.2, 1.5),
        -side * room.uniform(1.5, 1.8),
        side * room.uniform(0.7, 1.3),
    )
    plant = -side * room.uniform(0.95, 1.15)
    lamp = side * 2.05
    lamp = side * 2.05
    lines = [
        '<geom name="wall" type="box" pos="-1.35 0 1.5" size="0.05 4 1.7"/>',
        '<geom name="skirting" type="box" pos="-1.29 0 0.06" size="0.02 4 0.06"/>',
        '<geom name="rug" type="cylinder" pos="0 0 0.004" size="1.1 0.004"/>',
        f'<geom name="sofa" type="box" pos="-0.95 {sofa:.3f} 0.22" size="0.28 0.6 0.2"/>',
        f'<geom name="sofa_back" type="box" pos="-1.2 {sofa:.3f} 0.5" size="0.07 0.6 0.3"/>',
        f'<geom name="shelf" type="box" pos="-1.15 {shelf:.3f} 0.75" size="0.14 0.28 0.75"/>',
        f'<geom name="poster" type="box" pos="-1.295 {poster:.3f} 1.45" size="0.008 0.32 0.24"/>',
        f'<geom name="lamp_pole" type="cylinder" pos="-1.1 {lamp:.3f} 0.7" size="0.02 0.7"/>',
        f'<geom name="lamp_shade" type="cylinder" pos="-1.1 {lamp:.3f} 1.5" size="0.16 0.14"/>',
        f'<geom name="plant_pot" type="cylinder" pos="-1.1 {plant:.3f} 0.14" size="0.11 0.14"/>',
        f'<geom name="plant" type="ellipsoid" pos="-1.1 {plant:.3f} 0.55" size="0.16 0.18 0.32"/>',
    ]
    return "\n".join(lines), textures


def _dressed(outfit: Clothes) -> dict[str, Texture]:
    textures = {
        "pelvis": outfit.skirt,
        "torso": outfit.top,
        "chest": outfit.top,
        "neck": outfit.skin,
    }
    textures |= {"head": outfit.skin, "nose": outfit.skin, "cap": outfit.hair}
    for side in ("left", "right"):
        textures |= {
            f"{side}_upper_arm": outfit.top,
            f"{side}_forearm": outfit.skin,
            f"{side}_hand": outfit.skin,
        }
        textures |= {
            f"{side}_thigh": outfit.trousers,
            f"{side}_shin": outfit.trousers,
            f"{side}_foot": outfit.shoes,
        }
    textures |= {f"hair{i}": outfit.hair for i in range(_HAIR_LINKS)}
    for panel in range(_SKIRT_PANELS):
        textures |= {f"skirt{panel}_{row}": outfit.skirt for row in range(2)}
    return textures


def _joints(prefix: str) -> str:
    found = [h for h in HINGES if h[0].startswith(prefix)]
    return "".join(
        f'<joint name="{name}" type="hinge" axis="{x} {y} {z}" range="{low} {high}"/>'
        for name, (x, y, z), (low, high), _ in found
    )


def _dancer() -> str:
    limbs = "".join(_leg(side, sign) for side, sign in (("left", 1), ("right", -1)))
    arms = "".join(_arm(side, sign) for side, sign in (("left", 1), ("right", -1)))
    return f"""
    <body name="pelvis" pos="0 0 {HIP_HEIGHT_M}" childclass="body" gravcomp="1">
      <freejoint/>
      <geom name="pelvis" type="capsule" fromto="0 -0.07 0 0 0.07 0" size="0.105"/>
      {limbs}
      {_skirt()}
      <body name="torso" pos="0 0 0.08" gravcomp="1">
        {_joints("spine")}
        <geom name="torso" type="capsule" fromto="0 0 0.04 0 0 0.30" size="0.105"/>
        <geom name="chest" type="capsule" fromto="0 -0.09 0.34 0 0.09 0.34" size="0.095"/>
        {arms}
        <body name="head" pos="0 0 0.47" gravcomp="1">
          {_joints("neck")}
          <geom name="neck" type="capsule" fromto="0 0 0 0 0 0.06" size="0.045"/>
          <geom name="head" type="ellipsoid" pos="0.01 0 0.16" size="0.095 0.085 0.12"/>
          <geom name="cap" type="ellipsoid" pos="-0.025 0 0.19" size="0.098 0.098 0.115"/>
          <geom name="nose" type="sphere" pos="0.105 0 0.15" size="0.02"/>
          {_hair()}
        </body>
      </body>
    </body>"""


def _arm(side: str, sign: int) -> str:
    return f"""
    <body name="{side}_arm" pos="0 {sign * 0.175} 0.36" gravcomp="1">
      {_joints(f"{side}_arm")}
      <geom name="{side}_upper_arm" type="capsule" fromto="0 0 0 0 0 -0.27" size="0.05"/>
      <body name="{side}_forearm" pos="0 0 -0.28" gravcomp="1">
        {_joints(f"{side}_elbow")}
        <geom name="{side}_forearm" type="capsule" fromto="0 0 0 0 0 -0.22" size="0.042"/>
        <geom name="{side}_hand" type="sphere" pos="0 0 -0.29" size="0.052"/>
      </body>
    </body>"""


def _leg(side: str, sign: int) -> str:
    return f"""
    <body name="{side}_leg" pos="0 {sign * 0.09} -0.03" gravcomp="1">
      {_joints(f"{side}_hip")}
      <geom name="{side}_thigh" type="capsule" fromto="0 0 0 0 0 -0.40" size="0.075"/>
      <body name="{side}_shin" pos="0 0 -0.42" gravcomp="1">
        {_joints(f"{side}_knee")}
        <geom name="{side}_shin" type="capsule" fromto="0 0 0 0 0 -0.38" size="0.055"/>
        <body name="{side}_foot" pos="0 0 -0.42" gravcomp="1">
          {_joints(f"{side}_ankle")}
          <geom name="{side}_foot" type="capsule" fromto="-0.04 0 -0.02 0.14 0 -0.02" size="0.045"/>
        </body>
      </body>
    </body>"""


def _hair() -> str:
    """A plait of short links that nothing drives."""
    text, length = "", 0.075
    for link in reversed(range(_HAIR_LINKS)):
        at = "-0.11 0 0.14" if link == 0 else f"0 0 {-length}"
        limits = "".join(
            f'<joint type="hinge" axis="{axis}" range="{low} {high}"/>'
            for axis, low, high in (("0 1 0", -25, 60), ("1 0 0", -50, 50))
        )
        size = 0.045 - 0.006 * link
        text = f"""<body childclass="cloth" pos="{at}">{limits}
          <geom name="hair{link}" type="capsule" fromto="0 0 0 0 0 {-length}" size="{size:.3f}"/>
          {text}</body>"""
    return text


def _skirt() -> str:
    """Panels around the hips, two boxes each, hinged outward and along.

    Legs push them, gravity brings them back.
    """
    panels = []
    for panel in range(_SKIRT_PANELS):
        turn = 360 * panel / _SKIRT_PANELS
        x, y = 0.10 * np.cos(np.radians(turn)), 0.15 * np.sin(np.radians(turn))
        half = _SKIRT_LENGTH_M / 2
        below = f"""<body childclass="cloth" pos="0 0 {-_SKIRT_LENGTH_M}">
            <joint type="hinge" axis="0 -1 0" range="-50 60"/>
            <geom name="skirt{panel}_1" type="box" pos="0 0 {-half}" size="0.008 0.085 {half}"/>
            </body>"""
        panels.append(
            f"""<body childclass="cloth" pos="{x:.4f} {y:.4f} 0.02" euler="0 0 {turn:.1f}">
          <joint type="hinge" axis="0 -1 0" range="-5 100"/>
          <joint type="hinge" axis="1 0 0" range="-15 15"/>
          <geom name="skirt{panel}_0" type="box" pos="0 0 {-half}" size="0.008 0.065 {half}"/>
          {below}</body>"""
        )
    return "".join(panels)


BONES: tuple[tuple[str, str], ...] = (
    ("neck", "head"), ("head", "nose"), ("neck", "pelvis"),
    *(bone for side in ("left", "right") for bone in pairwise(
        ("neck", f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
    )),
    *(bone for side in ("left", "right") for bone in pairwise(
        ("pelvis", f"{side}_hip", f"{side}_knee", f"{side}_ankle")
    )),
)  # fmt: skip

# Where each joint is: a body and a point in its coordinates, m.
JOINTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "head": ("head", (0.0, 0.0, 0.16)),
    "nose": ("head", (0.13, 0.0, 0.15)),
    "neck": ("torso", (0.0, 0.0, 0.40)),
    "pelvis": ("pelvis", (0.0, 0.0, 0.0)),
    **{
        f"{side}_{joint}": (f"{side}_{body}", point)
        for side in ("left", "right")
        for joint, body, point in (
            ("shoulder", "arm", (0.0, 0.0, 0.0)),
            ("elbow", "forearm", (0.0, 0.0, 0.0)),
            ("wrist", "forearm", (0.0, 0.0, -0.26)),
            ("hip", "leg", (0.0, 0.0, 0.0)),
            ("knee", "shin", (0.0, 0.0, 0.0)),
            ("ankle", "foot", (0.0, 0.0, 0.0)),
        )
    },
}
