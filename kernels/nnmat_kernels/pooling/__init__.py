"""Maximum and average over windows of images, and the way back."""
