"""From derived gradients to a function of arrays that computes them together with the value.

values      what has to be computed: one object for each array, written one way only
lowering    from expressions to such values
ordering    in which order products are taken, and what is solved instead of inverted
source      the values as lines of NumPy, with their costs
helpers     the few functions that stand above these lines
compiled    compile(), and the function that it returns
"""
