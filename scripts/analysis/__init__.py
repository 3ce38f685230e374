"""What the analyses share (analyse_*.py): options, tables and pictures."""
