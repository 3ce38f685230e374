"""Tables: CSV files and data frames, their columns, and what makes arrays of them."""
