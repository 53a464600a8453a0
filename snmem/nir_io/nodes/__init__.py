"""The nodes of NIR: linear maps, neurons, shapes."""
