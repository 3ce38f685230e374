"""Several kernels without Python between them: programs of blocks, and the affine map with its gradients."""
