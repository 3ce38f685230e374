"""Plain float64 twins of attention."""
