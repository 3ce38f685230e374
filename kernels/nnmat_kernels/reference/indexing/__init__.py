"""Plain float64 twins of the rows that are picked."""
