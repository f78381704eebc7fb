"""Embedded worlds: data that can be made again anywhere. One module each, found by its name.

Simulating needs MuJoCo (extra `worlds`); driving a model of a world does not.
A world module has `TRAJECTORIES`, how many a data set usually has, and `simulate(trajectories,
seed)`, which returns a `Source` with `height`, `width` and `audit(facts)`. It may have:

- `OPTIONS`: further keywords of `simulate`. What they came to, and the world's version, are in the
  source's `settings`, which go into the manifest.
- `FORK`: where true futures usually part. Its source then has `with_futures(fork, episodes)`.
- `STEERING`: how a person drives it: which columns point `right` and `down`, which `keys` push
  others, for how many frames a command is held, at which value nothing moves (`still`); or the
  `joints` and `bones` of its label images, which `label(places, height, width)` then draws.
"""

from ._finding import require_physics, world_module

__all__ = ["require_physics", "world_module"]
