"""Text: the plays, characters and other tokens as integers, windows of them."""
