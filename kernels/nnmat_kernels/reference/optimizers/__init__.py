"""Plain float64 twins of the optimizer updates."""
