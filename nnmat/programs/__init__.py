"""Training steps as programs: recorded from the equations, checked against them bit by bit, run without Python.

`step_programs` keeps a program for each situation, `compiled_step` is a step for loops of one's own.
"""
