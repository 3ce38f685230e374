"""What a run shows and writes of itself.

display  bars, and a line for each epoch
history  the figures of a run in a file
log      the figures of each epoch, or of steps, in a file
"""
