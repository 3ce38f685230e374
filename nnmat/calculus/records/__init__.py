"""What a derivation leaves: its steps as data, and the report of them."""
