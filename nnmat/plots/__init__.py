"""Pictures of histories, filters, confusion, K-hat, networks and attention, by matplotlib."""
