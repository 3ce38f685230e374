"""More rectifiers: bounded ones, Mish, and one whose slopes are parameters."""
