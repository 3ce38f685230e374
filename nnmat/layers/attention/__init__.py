"""Layers of sequences that look at each other's places: `positional` embeddings."""
