"""From expressions to numbers."""
