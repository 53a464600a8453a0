"""Neurons on cores: placement, traffic between them, limits of a chip."""
