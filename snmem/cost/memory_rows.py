"""Words of synapse memory that a run touches: what processing in memory reads where it lies, instead of moving it."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..network import Network
from ..spikes import Recording


def memory_rows(network: Network, recording: Recording, word_bits: int = 64, weight_bits: int = 8) -> dict[str, int]:
    """Count the memory words that hold the synapses of every neuron that spiked, once for each of its spikes.

    Parameters
    ----------
    network : Network
        what was run.
    recording : Recording
        its spikes.
    word_bits : int
        bits of a word; the synapses of a neuron fill whole words.
    weight_bits : int
        bits of a synapse.

    Returns
    -------
    dict of str to int
        words by projection.

    Raises
    ------
    InputError
        for sizes below 1.
    """
    for name, value in (("word_bits", word_bits), ("weight_bits", weight_bits)):
        if value < 1:
            raise InputError(f"memory_rows: {name} must be at least 1, got {value}")
    counts = {name: s.counts() for name, s in recording.spikes.items()}
    words = {q.name: -(-np.asarray(q.fan_out) * weight_bits // word_bits) for q in network.projections}
    return {q.name: int(counts[q.pre] @ words[q.name]) for q in network.projections}
