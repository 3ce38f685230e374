"""Matrix products.

macrokernel     blocks of a product for one thread: panels packed, microkernels called
matmul          one product, shared among threads
batched_matmul  a stack of products
panels          products with an operand that is packed once and used many times
"""
