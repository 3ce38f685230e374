"""Images of other sizes: a matrix for the rows and one for the columns; upsampling and padding."""
