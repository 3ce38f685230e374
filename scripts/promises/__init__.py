"""The promises that `evidence.py` measures, by kind."""
