"""What a derivation leaves, as data.

record  lines, steps, gradients
report  the record as text and as LaTeX
"""
