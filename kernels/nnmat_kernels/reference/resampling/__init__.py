"""Plain float64 twins of the resampling."""
