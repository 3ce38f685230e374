"""What the equations tell about a layer at a batch: its Jacobian, as a matrix and by its norm."""
