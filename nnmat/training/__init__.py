"""The training loop and what belongs to it.

trainer       `Trainer`: `fit`, epochs
steps         the steps of an epoch, by hand or as a program
run           one call of `fit`: data, budget, position, files
loop          what all trainings share: epochs, callbacks, files asked for, how a run ends
evaluation    figures, outputs and probabilities, in batches
data          what may be trained on, and how it is checked and cast
interruption  Ctrl-C and SIGTERM
callbacks     what may look on and stop
checkpoint    files from which a run goes on
nonfinite     which layer made the first NaN
habits        calls as other libraries have them, answered
reporting     what a run shows and writes of itself
"""
