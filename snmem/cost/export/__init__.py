"""A run in the words of other tools: NeuroBench's metrics, SANA-FE's files."""
