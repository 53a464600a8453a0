"""The parts of a written module that are the same for every network (see :mod:`snmem.lava.compiler.module`)."""

HEAD = '''"""A network of spiking neurons for Lava 0.10.0: ${neurons} neurons, ${synapses} synapses, ${point} point.

${summary}

Run it:    python ${file} input.npz output.npz [--steps N]
           input.npz holds an array (steps, lines) of 0 and 1 per input, output.npz gets one (steps, neurons) per
           population, already moved to the steps of the original network, and the arrays named in the tables below.
Embed it:  net = Network(); my_source.s_out.connect(net.inp); net.out.connect(my_sink.a_in); net.run(steps)
           net.reset() between samples, or Network(sample_steps=N), which starts afresh every N steps.
Ports      net.inputs[name], net.outputs[name]; net.inp and net.out are the first of each.

Written by snmem ${version}.
"""

import argparse
import math
import mmap
import os
import secrets
import sys
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

if sys.version_info >= (3, 11):  # Lava 0.10.0 was written for Python 3.10: its dataclasses need a hash
    import dataclasses

    _dataclass = dataclasses.dataclass

    def _hashable(cls=None, /, **options):
        def wrap(cls):
            if cls.__module__.startswith("lava."):
                options.setdefault("unsafe_hash", True)
            return _dataclass(cls, **options)

        return wrap if cls is None else wrap(cls)

    dataclasses.dataclass = _hashable

from lava.magma.core.decorator import implements, requires, tag
${learning_imports}from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense import models as dense_models
from lava.proc.dense.process import Dense
from lava.proc.io.source import ${source_model}, RingBuffer
from lava.proc.lif import models as lif_models
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.monitor.process import Monitor
from lava.proc.sparse import models as sparse_models
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode

if sys.version_info >= (3, 11):
    dataclasses.dataclass = _dataclass

TITLE = ${title}
TAG = "${tag}"
PARAMETERS = Path(__file__).with_name("${parameters}")
CONTENTS = "${contents}"
#: Tables: attribute of Network -> what it is in the original network.
#: late: steps by which a population runs late (every connection takes one).
#: v, weights: arrays of output.npz with v of an output that never spikes, and with weights after learning.
INPUTS = ${inputs}
POPULATIONS = ${populations}
PROJECTIONS = ${projections}
OUTPUTS = ${outputs}
LATE = {row["name"]: row["late"] for row in POPULATIONS.values()}


class Line(AbstractProcess):
    """Passes spikes on, ``steps`` steps later; 0: in the same step."""

    def __init__(self, size, steps, name):
        super().__init__(steps=steps, name=name)
        self.s_in = InPort((size,))
        self.s_out = OutPort((size,))
        self.held = Var((max(steps, 1), size), init=0)


@implements(proc=Line, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PyLine(PyLoihiProcessModel):
    """Sends what came in ``steps`` steps ago before it receives, so that cycles do not block."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)
    held: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        if self.proc_params["steps"] == 0:
            self.s_out.send(self.s_in.recv())
            return
        slot = self.time_step % len(self.held)
        self.s_out.send(self.held[slot].copy())
        self.held[slot] = self.s_in.recv()


class Record(AbstractProcess):
    """Writes the spikes of step t (from 1) into row t - 1 of ``rows``.

    ``rows`` is memory that this process shares with those that Lava forks, so reading it costs nothing; the sinks of
    Lava itself send one number per message.
    """

    def __init__(self, steps, size, name):
        rows = np.frombuffer(mmap.mmap(-1, steps * size), bool).reshape(steps, size)
        super().__init__(rows=rows, name=name)
        self.rows = rows
        self.s_in = InPort((size,))


@implements(proc=Record, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PyRecord(PyLoihiProcessModel):
    """Stores the spikes of this step."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool)

    def run_spk(self):
        self.proc_params["rows"][self.time_step - 1] = self.s_in.recv() != 0


MODELS = {
    LIF: lif_models.PyLifModel${suffix},
    LIFReset: lif_models.PyLifResetModel${suffix},
    Dense: dense_models.PyDenseModel${suffix},
    Sparse: sparse_models.PySparseModel${suffix},
    RingBuffer: ${source_model},
    Line: PyLine,
    Record: PyRecord,
}


${extended}${learning}class Network:
    """The network as Lava processes, one attribute each; ``learned``: weights of projections that learn, by name.

    Parameters
    ----------
    sample_steps : if given, every population is set to its first u and v every ``sample_steps`` steps, as many steps
        late as it runs: samples may then follow one another without a pause.
    """

'''

EXTENDED = """${classes}


MODELS[ExtendedLIF] = PyExtendedLIF${suffix}


"""

LEARNING = '''class Synapses(LearningDense):
    """Lava's LearningDense, in which only the synapses of ``weights`` exist; shares its weights as ``now``."""

    def __init__(self, weights, kind, **options):
        full = weights.toarray().astype(kind)
        mask = csr_matrix((np.ones(weights.nnz, bool), weights.indices, weights.indptr), weights.shape).toarray()
        now = np.frombuffer(mmap.mmap(-1, max(full.nbytes, 1)), kind, count=full.size).reshape(full.shape)
        now[:] = full
        super().__init__(weights=full, absent=~mask, now=now, **options)
        self.now = now


class PySynapses(PyLearningDenseModel${suffix}):
    """Learns, then takes away what is no synapse."""

    implements_process = Synapses

    def run_lrn(self):
        super().run_lrn()
        self.weights[self.proc_params["absent"]] = 0
        self.proc_params["now"][:] = self.weights


MODELS[Synapses] = PySynapses


'''

LEARNING_IMPORTS = """from lava.magma.core.learning.learning_rule import Loihi2FLearningRule
from lava.proc.dense.models import PyLearningDenseModel${suffix}
from lava.proc.dense.process import LearningDense
"""

LEARNING_METHODS = '''
    def _learning(self, attribute, source, gate, target, weights, kind, sign, exponent, tags, **rule):
        """Synapses that learn; ``gate``: port of the spikes that count as postsynaptic; ``tags``: of d and t."""
        made = Synapses(
            weights,
            kind,
            tag_2=np.full(weights.shape, tags[0]),
            tag_1=np.full(weights.shape, tags[1]),
            name=attribute,
            weight_exp=exponent,
            sign_mode=SignMode[sign],
            learning_rule=Loihi2FLearningRule(t_epoch=1, **rule),
        )
        source.connect(made.s_in)
        gate.connect(made.s_in_bap)
        made.a_out.connect(target.a_in)
        self.connections.append(made)
        self.learned[PROJECTIONS[attribute]["name"]] = made.now
        return made
'''

METHODS = '''
    def _line(self, attribute, size, steps, source=None):
        made = Line(size, steps, attribute)
        if source is not None:
            source.connect(made.s_in)
        self.lines.append(made)
        return made

    def _neurons(self, attribute, restart=False, clear=None, **parameters):
        """An LIF; an LIFReset if it starts late, has timed clears, or samples follow one another; or an ExtendedLIF."""
        row, every = POPULATIONS[attribute], self.sample_steps
        name, shape = row["name"], (row["neurons"],)
        if every and clear:
            raise ValueError(f"population {name!r} has timed clears of its own; leave out sample_steps")
        start = [np.broadcast_to(np.asarray(parameters.get(key, 0)), shape) for key in ("u", "v")]
        interval, offset = clear or (every or 2**62, (row["late"] + 1) % (every or 2**62))
        timed = every or clear or restart
        if "subtract" in parameters:
            more = {"clear": (interval, offset) if timed else None, "fresh": start if every else (0, 0)}
            made = ExtendedLIF(shape=shape, name=attribute, **more, **parameters)
        elif timed:
            made = LIFReset(shape=shape, name=attribute, reset_interval=interval, reset_offset=offset, **parameters)
        else:
            made = LIF(shape=shape, name=attribute, **parameters)
        self.timed = self.timed or (not every and restart)
        self.populations[name] = made
        self.start[name] = start
        return made

    def _connection(self, attribute, source, target, weights, dense, sign="MIXED", exponent=0):
        """One Dense or Sparse; message bits let Lava multiply a Sparse in one go."""
        options = {"name": attribute, "weight_exp": exponent, "sign_mode": SignMode[sign]}
        made = Dense(weights=weights, **options) if dense else Sparse(weights=weights, num_message_bits=1, **options)
        source.connect(made.s_in)
        made.a_out.connect(target.a_in)
        self.connections.append(made)
        return made

    def _name_ports(self):
        self.inputs = {row["name"]: getattr(self, attribute).s_in for attribute, row in INPUTS.items()}
        self.outputs = {POPULATIONS[attribute]["name"]: getattr(self, attribute).s_out for attribute in OUTPUTS}
        self.inp, self.out = next(iter(self.inputs.values()), None), next(iter(self.outputs.values()))

    def run_config(self, others=()):
        """Lava's run configuration; ``others``: further processes of a class in MODELS. Lava finds those of yours."""
        processes = [*self.populations.values(), *self.connections, *self.lines, *others]
        models = {process: MODELS[type(process)] for process in processes}
        return Loihi2SimCfg(select_tag=TAG, exception_proc_model_map=models)

    def run(self, steps, others=()):
        """Run ``steps`` steps more, with everything that is connected; parts that are not, one after the other."""
        config, ran = self.run_config(others), []
        for population in self.populations.values():
            if population.runtime is None or population.runtime not in ran:
                population.run(RunSteps(num_steps=steps), config)
                ran.append(population.runtime)

    def stop(self):
        """End Lava's processes."""
        stopped = []
        for population in self.populations.values():
            if population.runtime is not None and population.runtime not in stopped:
                stopped.append(population.runtime)
                population.stop()

    def reset(self):
        """Back to the state before the first step: u, v, and all spikes on their way. Call it between runs."""
        if self.timed:
            raise RuntimeError("populations with a bias start late here; use Network(sample_steps=...) for samples")
        for name, population in self.populations.items():
            population.u.set(self.start[name][0])
            population.v.set(self.start[name][1])
            if hasattr(population, "left"):
                population.left.set(np.zeros(population.left.shape))
        for connection in self.connections:
            connection.a_buff.set(np.zeros(connection.a_buff.shape))
        for line in self.lines:
            line.held.set(np.zeros(line.held.shape))


def _parameters():
    """The arrays of PARAMETERS, which must be those that were written with this file."""
    parameters = np.load(PARAMETERS, allow_pickle=False)
    if "contents" not in parameters or str(parameters["contents"]) != CONTENTS:
        raise ValueError(f"{PARAMETERS} was not written with {__file__}; write both again")
    return parameters


def _sparse(parameters, name):
    part = (parameters[f"{name}.{key}"] for key in ("data", "indices", "indptr"))
    return csr_matrix(tuple(part), shape=tuple(parameters[f"{name}.shape"]))


${arrays}
def simulate(inputs, steps):
    """Run on rasters of the inputs (name -> array (steps, lines) of 0 and 1); an input left out is silent.

    Returns name -> array (steps, neurons), and the arrays named in the tables. ValueError names an input that is wrong.
    """
    total = steps + max(LATE.values())
    for row in (*INPUTS.values(), *POPULATIONS.values()):
        size = row.get("lines") or row["neurons"]
        if total * size > LIMIT:
            raise ValueError(f"{row['name']!r} of {size:,} in {total:,} steps: the limit is {LIMIT:,}; run fewer steps")
    net, others = Network(), []
    check_names(inputs, net.inputs, LATE)
    for name, port in net.inputs.items():
        data = np.zeros((port.shape[0], total))
        if name in inputs:
            raster = np.asarray(inputs[name])
            check_raster(name, raster, port.shape[0])
            data[:, : len(raster[:steps])] = raster[:steps].T
        source = RingBuffer(data=data)
        source.s_out.connect(port)
        others.append(source)
    records, monitors = {}, {}
    for attribute, row in POPULATIONS.items():
        name, population = row["name"], getattr(net, attribute)
        records[name] = Record(total, row["neurons"], f"record of {attribute}")
        population.s_out.connect(records[name].s_in)
        if row["v"]:
            monitors[name] = Monitor()
            monitors[name].probe(population.v, total)
    net.run(total, [*others, *records.values()])
    out = {name: record.rows[LATE[name] : LATE[name] + steps].copy() for name, record in records.items()}
    for row in POPULATIONS.values():
        if row["v"]:
            data = next(iter(next(iter(monitors[row["name"]].get_data().values())).values()))
            out[row["v"]] = np.asarray(data).reshape(total, -1)[row["late"] : row["late"] + steps]
    net.stop()
    learned = {row["weights"]: net.learned[row["name"]].copy() for row in PROJECTIONS.values() if row["weights"]}
    return {**out, **learned}


def _steps(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of steps from 1, got {text!r}")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\\n")[0])
    parser.add_argument("input", help="npz: input name -> array (steps, lines) of 0 and 1")
    parser.add_argument("output", help="npz to write")
    parser.add_argument("--steps", type=_steps, help="default: length of the longest input")
    options = parser.parse_args()
    try:
        inputs = read_rasters(options.input, {row["name"]: row["lines"] for row in INPUTS.values()}, LATE)
        steps = options.steps or max(map(len, inputs.values()), default=0)
        if not steps:
            raise ValueError(f"{options.input!r} says not how long to run; give --steps")
        if not Path(options.output).absolute().parent.is_dir():
            raise ValueError(f"{options.output!r}: there is no such folder")
        arrays = simulate(inputs, steps)
        write_arrays(options.output, arrays)
    except (ValueError, MemoryError, OSError) as error:
        parser.exit(1, f"{parser.prog}: error: {error}\\n")


if __name__ == "__main__":
    main()
'''
