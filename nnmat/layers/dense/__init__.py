"""Layers of rows: `linear`; `flatten` makes rows of images; `dropout` leaves elements out."""
