"""The layers and losses of nnmat as expressions, each with its derivations.

description  what is said of one: its lines, its inputs, parameters and constants
rows         layers that treat every row, or every column, alike
images       layers of images and of sequences that slide windows or resize
sequences    attention, blocks, recurrent layers
containers   layers that hold layers
losses       losses
catalogue    all of them by name, and those that have no description
pages        what stands in docs/derivations
"""
