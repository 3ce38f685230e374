"""Writers: an expression as text, as LaTeX, as code. They read the fields of a node and build nothing.

names   what things are called where they are printed
node    what a writer reads
sharing  what is repeated, and gets a name where it is printed
text, latex, code, arrays  the writers
mathml  what the LaTeX says, for browsers
"""
