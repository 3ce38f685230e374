"""How derivations and laws are checked: points, difference quotients, verdicts."""
