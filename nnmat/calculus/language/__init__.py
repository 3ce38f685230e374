"""Expressions: what can be written, and what it takes and gives.

expr          nodes, arithmetic, walks over expressions; text() and latex()
signatures    what each function takes and gives: arity, options, demands, the rule of the shape
operators     symbols, and the constructors of functions of matrices
elementwise   exp, sigmoid, ...: value, derivative, domain, kinks
special       values of erf, of log Γ and of its derivatives
matrix_functions  Aⁿ, expm, logm, sqrtm, their derivatives along a direction; A⁺, Cholesky, Sylvester
spectra       eigenvalues, singular values, norms made of them
reductions    means, variances, largest entries; choices between two
blocks        A[i, j], A[:2, :], [A, B]
convolution   X ⋆ K and its two adjoints
vocabulary    the functions that text can call; elementwise() adds one
assumptions   what is known of an expression: symmetric, invertible, positive, ...
"""
