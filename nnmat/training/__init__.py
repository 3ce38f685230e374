"""The training loop and what belongs to it.

trainer     `fit`, epochs, steps, interruption
data        what may be trained on, and how it is checked and cast
callbacks   what may look on and stop
checkpoint  files from which a run goes on
history     the figures of a run
nonfinite   which layer made the first NaN
"""
