"""Recurrent layers: whole sequences, for some rows of the batch at a time.

lstm      long short-term memory, forward and backward through time
gru       gated recurrent units, the same
gates     loops over the numbers of one gate
checks    what the public functions ask of their arrays
"""
