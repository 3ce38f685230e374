"""Rows of an array, picked by their indices."""
