"""From text to expressions: grammar, shape inference, building."""
