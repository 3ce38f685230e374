"""What happens beside the training loop.

base            `Callback`, the form of your own, and which step they must see
monitor         a figure of the epochs that is compared with the best
early_stopping  `EarlyStopping`
checkpoints     `Checkpoint`: files in the course of a run
plateau         `LearningRateOnPlateau`
rate_finder     `LearningRateFinder`: the loss while the learning rate rises
averaging       `StochasticWeightAverage`
norms           `Norms` of weights and gradients, layer by layer
tensorboard     `TensorBoard`: event files
states          what a state in a file may hold
snapshot        all that a run changes, put back as it was
"""
