"""Lines that somebody wrote, held against a function: which one is wrong, and what was probably meant.

points    a function at random points: its value, its differential, its gradient
comparing same(): whether two expressions have one value
lines     what a line says: a value of f, of df, of a gradient, of a quantity
repairs   a line with one usual misuse undone
grade     grade() and claim()
sheet     a file of lines, with its function
"""
