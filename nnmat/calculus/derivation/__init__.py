"""From an expression to its gradient, step by step.

intermediates  which quantities on the way get a name
backward       the line df = ..., law by law, and the gradients read off it
derive         derive(), gradient(), hessian_product()
derivation     the record that can check and print itself
"""
