"""A judge of written derivations that knows no law: it reads their lines and computes what stands there.

reader     text to trees
numbers    the value of a tree at a point
points     sizes and arrays, drawn by the attributes that a record declares
structure  what a record holds and how its lines join
verifier   whether every line of a record follows from the one before, and its gradient from its function
"""
