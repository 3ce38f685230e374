"""The training loop and what belongs to it.

trainer       `fit`, epochs, steps
run           one call of `fit`: data, budget, position, files
evaluation    figures, outputs and probabilities, in batches
data          what may be trained on, and how it is checked and cast
display       bars, and a line for each epoch
interruption  Ctrl-C and SIGTERM
callbacks     what may look on and stop
log           the figures of each epoch in a file
checkpoint    files from which a run goes on
history       the figures of a run in a file
nonfinite     which layer made the first NaN
habits        calls as other libraries have them, answered
"""
