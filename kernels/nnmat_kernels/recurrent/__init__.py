"""Recurrent layers: whole sequences, for some rows of the batch at a time.

lstm      long short-term memory, forward and backward through time
gru       gated recurrent units, the same
rnn       the plain one: H_t = tanh(A_t + H_{t-1} Wᵀ)
gates     loops over the numbers of one gate
checks    what the public functions ask of their arrays
"""
