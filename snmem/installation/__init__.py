"""What is installed: content folders, and whether everything works."""
