"""The command line: a file for each command, and what they share.

train      a network from a table or from folders of images, with a report page
tune       options for `train`, by trying some
predict    what a model says of new rows or images
evaluate   how often it is right
export     a model for other programs, in ONNX
info       versions, processor, threads, cache, extras
warmup     kernels compiled ahead
serve      the calculus as a page
usage/     kinds of options, the file that holds them, errors and exit codes, files that may be written
learning/  data, networks, training, scores, the file of a model
report/    the page of a training run
"""
