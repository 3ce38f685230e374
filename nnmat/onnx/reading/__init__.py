"""From a file to a model: the bytes checked, the graph as a plan, layers where they fit."""
