"""`pool2d`: one number for each window of each channel."""
