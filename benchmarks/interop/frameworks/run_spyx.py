"""Spyx: IF, LIF, CuBaLIF, RLIF, PSU_LIF; to_nir and from_nir."""

import jax.numpy as jnp
import numpy as np
import spyx.nn as snn
from cases import IMAGE, LINES, Record, biases, raster, weights
from flax import nnx
from spyx.nir import from_nir, to_nir

record = Record("spyx", "jax", "flax", "nir", licence="MIT")
RNGS = nnx.Rngs(0)
CELLS = tuple(getattr(snn, name) for name in ("IF", "LIF", "CuBaLIF", "RIF", "RLIF", "RCuBaLIF", "PSU_LIF"))


def linear(pre, post, bias=False):
    layer = nnx.Linear(pre, post, use_bias=bias, rngs=RNGS)
    layer.kernel[...] = jnp.array(weights(post, pre).T)
    if bias:
        layer.bias[...] = jnp.array(biases(post))
    return layer


def neuron(kind, n, **values):
    cell = kind((n,), rngs=RNGS)
    for name, value in values.items():
        getattr(cell, name)[...] = jnp.full(getattr(cell, name)[...].shape, value)
    return cell


def recurrent(n):
    cell = neuron(snn.RLIF, n, beta=0.75)
    cell.recurrent_w[...] = jnp.array(weights(n, n, mean=0.0))
    return cell


def exported(*layers, shape=(LINES,), out=(8,)):
    def make():
        x = raster(*shape)
        graph = to_nir(nnx.Sequential(*layers), {"input": np.array(shape)}, {"output": np.array(out)})
        moved = np.moveaxis(x, 1, -1) if len(shape) == 3 else x  # channels last
        value, sent, k = [jnp.array(frame)[None] for frame in moved], {}, 0
        for layer in layers:
            if isinstance(layer, CELLS):
                state, rows = layer.initial_state(1), []
                for frame in value:
                    spikes, state = layer(frame, state)
                    rows.append(spikes)
                value = rows
                plain = np.stack([np.asarray(row[0]) for row in rows])
                sent[f"layer{k}"], k = (np.moveaxis(plain, -1, 1) if plain.ndim == 4 else plain), k + 1
            else:
                value = [layer(frame) for frame in value]
        return graph, x, sent

    return make


def run(graph, x):
    moved = np.moveaxis(x, 1, -1) if x.ndim == 4 else x
    _, out = from_nir(graph, jnp.array(moved)[:, None], dt=1e-4)
    out = np.asarray(out)[:, 0]
    return np.moveaxis(out, -1, 1) if out.ndim == 4 else out


record.theirs("Linear", exported(linear(LINES, 8), neuron(snn.IF, 8)))
record.theirs("Affine", exported(linear(LINES, 8, bias=True), neuron(snn.LIF, 8, beta=0.75)))
record.theirs("IF", exported(linear(LINES, 8), neuron(snn.IF, 8), linear(8, 4), neuron(snn.IF, 4), out=(4,)))
layers = linear(LINES, 8), neuron(snn.LIF, 8, beta=0.75), linear(8, 4), neuron(snn.LIF, 4, beta=0.75)
record.theirs("LIF", exported(*layers, out=(4,)))
record.theirs("CubaLIF", exported(linear(LINES, 8), neuron(snn.CuBaLIF, 8, alpha=0.5, beta=0.75)))
record.theirs("NIRGraph", exported(linear(LINES, 8), recurrent(8)))
record.theirs("LI", exported(linear(LINES, 8), neuron(snn.PSU_LIF, 8, beta=0.75)))
record.theirs("Threshold", exported(linear(LINES, 8), neuron(snn.PSU_LIF, 8, beta=0.75)))
conv = nnx.Conv(2, 3, (3, 3), padding="SAME", rngs=RNGS)
conv.kernel[...] = jnp.array(weights(3, 2, 3, 3).transpose(2, 3, 1, 0))
conv.bias[...] = jnp.array(biases(3))
record.theirs("Conv2d", exported(conv, snn.IF((6, 6, 3)), shape=IMAGE, out=(3, 6, 6)))
pool = snn.SumPool((2, 2), (2, 2), "VALID", channel_axis=-1)
record.theirs("SumPool2d", exported(pool, snn.IF((3, 3, 2)), shape=IMAGE, out=(2, 3, 3)))
record.theirs("Flatten", exported(snn.Flatten(), linear(72, 8), neuron(snn.IF, 8), shape=IMAGE))
record.unable("no layer, or none that it exports", "Conv1d", "AvgPool2d", "Scale", "Delay", "I", "CubaLI")
record.ours(run)
record.write()
