"""Layers of rows: `linear`; `flatten` and `unflatten` from images and back; `dropout` leaves elements out."""
