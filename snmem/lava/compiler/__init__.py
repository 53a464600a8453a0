"""From a network or a NIR file to a Python module for Lava, with a report."""
