"""Layers made of layers: one after the other (`sequential`), side by side (`branches`: `add`, `concatenate`), twice
(`tied`)."""
