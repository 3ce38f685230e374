"""Images of other sizes: a sparse matrix for the rows and one for the columns, which every channel is multiplied by."""
