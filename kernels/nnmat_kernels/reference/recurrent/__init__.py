"""Plain float64 twins of the recurrent layers."""
