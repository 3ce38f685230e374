"""Images: the MNIST digits and their format, folders of image files, augmentation."""
