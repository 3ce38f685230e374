"""What the equations tell about a layer at a batch: its gradients, its Jacobian, the weights of its attention."""
