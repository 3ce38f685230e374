"""Layers whose equations are derived."""
