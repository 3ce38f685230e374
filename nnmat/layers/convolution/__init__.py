"""`conv2d`: windows of images times filters."""
