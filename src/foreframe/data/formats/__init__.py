"""Formats that recordings come in: one module each, found by its name.

A format module has `recognises(path) -> bool` and `open_recordings(path, options) -> Source`; if it
can also be written, `export(store, out) -> int` (the number of episodes written); one that goes on
with a folder that it has begun says `RESUMES = True`. A module that
takes whatever has pictures in it says `GENERAL = True` and stands back where another knows the
source better. `DECIDES` names the options that only some formats take (`flip`, `channel_order`).
Modules whose name begins with `_` are shared helpers.
"""
