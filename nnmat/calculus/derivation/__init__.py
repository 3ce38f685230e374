"""From an expression to its gradient, step by step.

intermediates  which quantities on the way get a name
backward       the line df = ..., law by law, and the gradients read off it
derive         derive(), gradient(), hessian_product()
jacobian       jacobian(), hessian(): the differential as a linear map
vectorization  a linear map as a matrix
derivation     the record that can check and print itself
"""
