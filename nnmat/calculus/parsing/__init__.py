"""From text to expressions.

grammar          text to a syntax tree
builder          a syntax tree to an expression; dimensions that are written as text
questions        what a text leaves open, asked with the declarations that answer it
shape_inference  shapes of names that were not declared, from their use, where one reading is possible
products         where `*`, `/` and `**` of undeclared matrices may be meant as matrix algebra: questions
synonyms         what other languages call the functions
parser           parse(): all of them together
"""
