"""Tasks and data that memories and attention are tried on."""
