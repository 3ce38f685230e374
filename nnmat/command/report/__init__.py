"""The page of a training run: one file, with its pictures inside."""
