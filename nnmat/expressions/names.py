"""What dimensions are called in expressions of layers and losses."""

BATCH = "B"  # the rows of a batch
