"""snn-mlir: reads NIR and writes MLIR; running it needs its own build of MLIR, so that only reading is recorded."""

from cases import Record
from snn_mlir import to_mlir

record = Record("snn-mlir", "nir", licence="Apache-2.0 WITH LLVM-exception")
record.only_reads("read into MLIR, not run: that takes a toolchain built from source")
record.ours(lambda graph, x: to_mlir(graph) and None)
record.write()
