"""Two models that play against each other.

trainer  `Adversarial`: its parts, `fit`, samples
steps    the discriminator's step and the generator's, by hand or as programs
"""
