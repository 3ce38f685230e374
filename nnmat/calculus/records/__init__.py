"""What a derivation leaves, as data.

record  lines, steps, gradients
report  the record as text and as LaTeX
programs  its gradient as code, of this language or of NumPy
"""
