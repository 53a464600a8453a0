"""jaxsnn: reads CubaLIF and Linear in milliseconds; it runs in continuous time, so that only reading is recorded."""

from cases import Record
from jaxsnn.event.utils.from_nir import ConversionConfig, from_nir

record = Record("jaxsnn", "jax", "nir", licence="LGPL-2.1")
record.only_reads("read, not compared: it emits spike times in continuous time, with time constants in milliseconds")
record.ours(lambda graph, x: from_nir(graph, ConversionConfig(60.0, dict.fromkeys(graph.nodes, 60))) and None)
record.write()
