"""Writers: an expression as text, as LaTeX, as Python. They read an expression's fields and build nothing."""
