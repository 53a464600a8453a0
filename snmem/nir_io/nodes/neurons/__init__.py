"""NIR's neurons: what they have in common (:mod:`snmem.nir_io.nodes.neurons.base`), and a file for each family."""
