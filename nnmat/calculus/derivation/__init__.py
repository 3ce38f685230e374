"""From an expression to its gradient, step by step."""
