"""The cost report as data, tables, text in a terminal, and HTML."""
