"""Expressions: nodes, operators, element-wise functions, what is assumed of a variable."""
