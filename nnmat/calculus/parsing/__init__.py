"""From text to expressions.

grammar          text to a syntax tree
builder          a syntax tree to an expression; dimensions that are written as text
shape_inference  shapes of names that were not declared, from their use
parser           parse(): the three together
"""
