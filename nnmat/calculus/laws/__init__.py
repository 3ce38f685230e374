"""What may be done to an expression: differentials, adjoints, simplifications, each with its law.

differentials  d of each operator; of functions of matrices in matrix_differentials
adjoints       how an operator moves to the other side of an inner product
simplifier     rules applied until none shrinks the expression any more
sums, products, traces, functions, matrix_rules  the rules
gathering, expansion  rules that shorten: common factors, what cancels when it is multiplied out
"""
