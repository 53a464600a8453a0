"""What an HDF5 file may ask for: numbers, nodes, bytes in memory, attributes, names."""

from __future__ import annotations

from dataclasses import dataclass

#: Bytes that are unpacked whatever the size of the file, and for each of its bytes: DEFLATE's 1032, read four times.
UNPACKED, UNPACKED_PER_BYTE = 2**28, 4 * 1032
#: Numbers from which a dataset is looked at for a repeated value.
LARGE = 2**13
#: Attributes of one object, and bytes of the name of a member.
ATTRIBUTES, NAME = 256, 1000


@dataclass(frozen=True)
class Limits:
    """What a file may ask for, so that a damaged or hostile one cannot exhaust memory.

    Parameters
    ----------
    neurons : int
        Neurons and input lines of all nodes together.
    synapses : int
        Synapses of the network.
    numbers : int
        Numbers of all datasets together (a dense weight matrix counts in full).
    nodes : int
        Nodes of all graphs together.
    depth : int
        Graphs nested in one another.
    delay : int
        Steps of a delay.
    memory : int
        Bytes that the arrays of a file may take in memory, whatever its size.
    expansion : int
        Further bytes for each byte of the file, so that large networks are read from large files.
    """

    neurons: int = 10_000_000
    synapses: int = 100_000_000
    numbers: int = 2**29
    nodes: int = 10_000
    depth: int = 32
    delay: int = 100_000
    memory: int = 400_000_000
    expansion: int = 128
