"""A ray-caster on MuJoCo's collision geometry: pictures on any machine, without a graphics driver.

Letters: P points, L lamp points, H height, W width, G geoms.
MuJoCo's own renderers need OpenGL (EGL, GLFW or OSMesa); `mj_multiRay` needs nothing. Lambert
shading, soft shadows from a small area light, solid procedural textures, and supersampling where
the picture asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_VISIBLE_GROUPS = np.array(
    [1, 1, 1, 0, 0, 0], np.uint8
)  # MuJoCo's geom groups; 3 and up are never drawn
_SUBPIXELS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
_NEIGHBOUR_CONTRAST = 0.06  # in display units; below it one ray a pixel is enough
_GAMMA = 2.2


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; `fovy_degrees` is the vertical field of view."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    fovy_degrees: float
    height: int
    width: int

    def rays(self, shift: tuple[float, float] = (0.0, 0.0)) -> Array:
        """Unit directions through the pixel centres moved by `shift` pixels (x, y): [H*W, 3]."""
        right, up, forward = self._axes()
        half = self._half_height()
        x = ((np.arange(self.width) + 0.5 + shift[0]) * 2 - self.width) / self.height * half
        y = (1 - (np.arange(self.height) + 0.5 + shift[1]) * 2 / self.height) * half
        directions = forward + x[None, :, None] * right + y[:, None, None] * up
        return _unit(directions).reshape(-1, 3)

    def project(self, points: Array) -> Array:
        """Where points [P, 3] (m) are in the picture, (x, y) in pixels from its upper left corner.

        [P, 2].
        """
        x, y, depth = np.asarray(self._axes()) @ (points - np.asarray(self.position)).T
        scale = self.height / (2 * self._half_height())
        return np.stack(
            [self.width / 2 + scale * x / depth, self.height / 2 - scale * y / depth], axis=1
        )

    def _axes(self) -> tuple[Array, Array, Array]:
        """Right, up and forward."""
        forward = _unit(np.subtract(self.target, self.position))
        right = _unit(np.cross(forward, (0.0, 0.0, 1.0)))
        return right, np.cross(right, forward), forward

    def _half_height(self) -> float:
        """Of the picture at distance 1."""
        return float(np.tan(np.radians(self.fovy_degrees) / 2))


@dataclass(frozen=True)
class AreaLight:
    """A round lamp: `samples` points on a disc of `radius_m` give shadows their soft border."""

    position: tuple[float, float, float]
    radius_m: float
    samples: int
    ambient: float
    strength: float

    def points(self) -> Array:
        """The lamp's sample points: [samples, 3]."""
        turn = 2 * np.pi * (np.arange(self.samples) + 0.3) / self.samples
        disc = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
        return np.asarray(self.position) + self.radius_m * disc


@dataclass(frozen=True)
class Texture:
    """A solid texture: two colours (linear RGB) mixed by a pattern in the geom's coordinates."""

    first: tuple[float, float, float]
    second: tuple[float, float, float]
    pattern: str = "plain"
    period_m: float = 0.02

    def at(self, local: Array) -> Array:
        """The colour at points in the geom's coordinates: [P, 3]."""
        share = _PATTERNS[self.pattern](local / self.period_m)[:, None]
        return np.asarray(self.first) * (1 - share) + np.asarray(self.second) * share


def _soft_step(wave: Array) -> Array:
    return np.clip(0.5 + 2.5 * wave, 0, 1)


def _grain(p: Array) -> Array:
    """Wood: rings along x, bent by slow waves."""
    ring = p[:, 1] + 0.35 * np.sin(0.45 * p[:, 0]) + 0.12 * np.sin(2.3 * p[:, 0] + 1.7 * p[:, 1])
    return 0.5 + 0.5 * np.sin(2 * np.pi * ring) * np.cos(0.7 * p[:, 0]) ** 2


def _speckle(p: Array) -> Array:
    """Paper: a few waves of unrelated lengths, so that no period is seen."""
    x, y = p[:, 0], p[:, 1]
    waves = (
        np.sin(3.1 * x + 1.3 * y)
        + np.sin(-2.2 * x + 4.7 * y + 1.0)
        + np.sin(5.3 * x - 3.9 * y + 2.0)
    )
    return 0.5 + waves / 6


_PATTERNS = {
    "plain": lambda p: np.zeros(len(p)),
    "boards": lambda p: _soft_step(np.sin(2 * np.pi * p[:, 1])),
    "stripes": lambda p: _soft_step(np.sin(2 * np.pi * p[:, 0])),
    "rings": lambda p: _soft_step(np.sin(2 * np.pi * p[:, 2])),
    "checks": lambda p: _soft_step(
        np.sin(np.pi * p[:, 0]) * np.sin(np.pi * p[:, 1]) + 0.3 * np.sin(np.pi * p[:, 2])
    ),
    "half": lambda p: _soft_step(p[:, 1]),
    "grain": _grain,
    "speckle": _speckle,
}


@dataclass(frozen=True)
class Picture:
    """A rendered view: `rgb` uint8 [H, W, 3] and the geom under each pixel's centre, int16 [H, W]
    (-1: background).
    """

    rgb: Array
    geoms: Array


class RayCaster:
    """Draws MuJoCo states from one camera."""

    def __init__(self, camera: Camera, background: tuple[float, float, float]) -> None:
        self.camera, self.background = camera, np.asarray(background)
        self._centres = camera.rays()
        self._subpixels = [camera.rays(shift) for shift in _SUBPIXELS]

    def draw(self, model: Any, data: Any, textures: list[Texture], light: AreaLight) -> Picture:
        """Render the state in `data` (after `mj_forward`) under one lamp.

        `textures[g]` dresses geom `g`.
        """
        height, width = self.camera.height, self.camera.width
        lamps = light.points()
        colour, geoms, shadow = self._shade(model, data, textures, light, self._centres, lamps)
        busy = _wants_more_rays(colour, geoms, shadow, height, width)
        if busy.any():
            each = np.array_split(
                lamps, len(self._subpixels)
            )  # every subpixel asks its own part of the lamp
            finer = [
                self._shade(model, data, textures, light, rays[busy], part)[0]
                for rays, part in zip(self._subpixels, each, strict=True)
            ]
            colour[busy] = np.mean(finer, axis=0)
        rgb = np.clip(_display(colour) * 255 + 0.5, 0, 255).astype(np.uint8)
        return Picture(rgb.reshape(height, width, 3), geoms.reshape(height, width).astype(np.int16))

    def _shade(
        self,
        model: Any,
        data: Any,
        textures: list[Texture],
        light: AreaLight,
        rays: Array,
        lamps: Array,
    ) -> tuple[Array, Array, Array]:
        """Linear colour [P, 3], geom [P] and light share [P] seen along `rays` [P, 3], lit by lamp
        points [L, 3].
        """
        eye = np.asarray(self.camera.position, np.float64)
        distance, geoms, normals = _cast(model, data, eye, rays)
        hit = np.flatnonzero(geoms >= 0)
        points = eye + rays[hit] * distance[hit, None]
        colour = np.tile(self.background, (len(rays), 1))
        colour[hit] = _albedo(data, textures, geoms[hit], points)
        light_share = np.zeros(len(rays))
        light_share[hit] = _lambert(model, data, points, normals[hit], lamps)
        colour[hit] *= (light.ambient + light.strength * light_share[hit])[:, None]
        return colour, geoms, light_share


def _lambert(model: Any, data: Any, points: Array, normals: Array, lamps: Array) -> Array:
    """Cosine times visibility, averaged over the lamp's points: [P].

    Rays start at the lamp, one call a lamp point.
    """
    lit = np.zeros(len(points))
    for lamp in lamps:
        reach = points - lamp
        length = np.linalg.norm(reach, axis=1)
        toward = reach / length[:, None]
        distance, geoms, _ = _cast(model, data, lamp, toward)
        visible = (geoms < 0) | (distance > length - 2e-3)
        lit += visible * np.clip(-(normals * toward).sum(1), 0, None)
    return lit / len(lamps)


def _cast(model: Any, data: Any, origin: Array, rays: Array) -> tuple[Array, Array, Array]:
    import mujoco

    count = len(rays)
    geoms, distance, normals = np.full(count, -1, np.int32), np.zeros(count), np.zeros(3 * count)
    if count:
        flat = np.ascontiguousarray(rays, np.float64).reshape(-1)
        mujoco.mj_multiRay(
            model,
            data,
            origin,
            flat,
            _VISIBLE_GROUPS,
            True,
            -1,
            geoms,
            distance,
            normals,
            count,
            mujoco.mjMAXVAL,
        )
    return distance, geoms, normals.reshape(-1, 3)


def _albedo(data: Any, textures: list[Texture], geoms: Array, points: Array) -> Array:
    colour = np.empty((len(points), 3))
    for geom in np.unique(geoms):
        here = geoms == geom
        local = (points[here] - data.geom_xpos[geom]) @ data.geom_xmat[geom].reshape(3, 3)
        colour[here] = textures[geom].at(local)
    return colour


def _wants_more_rays(colour: Array, geoms: Array, shadow: Array, height: int, width: int) -> Array:
    """Pixels that differ from a neighbour in geom, shadow or colour: [H*W] bool."""
    ids = geoms.reshape(height, width)
    tones = np.concatenate([_display(colour), shadow[:, None]], axis=1).reshape(height, width, 4)
    busy = np.zeros((height, width), bool)
    across = (ids[:, 1:] != ids[:, :-1]) | (
        np.abs(tones[:, 1:] - tones[:, :-1]).max(2) > _NEIGHBOUR_CONTRAST
    )
    down = (ids[1:] != ids[:-1]) | (np.abs(tones[1:] - tones[:-1]).max(2) > _NEIGHBOUR_CONTRAST)
    busy[:, 1:] |= across
    busy[:, :-1] |= across
    busy[1:] |= down
    busy[:-1] |= down
    return busy.reshape(-1)


def _display(linear: Array) -> Array:
    encoded: Array = np.clip(linear, 0, 1) ** (1 / _GAMMA)
    return encoded


def _unit(vectors: Array) -> Array:
    lengths: Array = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / lengths)
