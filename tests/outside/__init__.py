"""What users and inputs from outside met, by topic: each entry with its kinds, the right value or the right error."""
