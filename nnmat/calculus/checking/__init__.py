"""How derivations and laws are checked, by values.

sampling     random points that have the attributes of their symbols
differences  difference quotients, and how far they can be trusted
verify       every line of a record
law_table    every law, property and simplification
"""
