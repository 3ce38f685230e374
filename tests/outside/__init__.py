"""Tables of what comes from outside: each entry gives the right value, or an error that says what to write."""
