"""Updates of the parameter vector, in place and in one pass."""
