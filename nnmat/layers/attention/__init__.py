"""Sequences whose places look at each other: `multi_head` attention, `positional` embeddings and `rotary` ones, the
`feed_forward` half of a Transformer, and its `block`."""
