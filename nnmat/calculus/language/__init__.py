"""Expressions: what can be written, and what it takes and gives.

expr          nodes, arithmetic, walks over expressions; text() and latex()
signatures    what each function takes and gives: arity, options, demands, the rule of the shape
operators     symbols, and the constructors of functions of matrices
elementwise   exp, sigmoid, ...: value, derivative, domain, kinks
convolution   X ⋆ K and its two adjoints
vocabulary    the functions that text can call; elementwise() adds one
assumptions   what is known of an expression: symmetric, invertible, positive, ...
"""
