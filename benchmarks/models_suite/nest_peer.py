"""The models in NEST, as its users write them, with its own random numbers; rates are compared, not spikes."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import numpy as np

from snmem.installation.content import load_script

from .ours import drive_of

brunel = load_script("models", "brunel")
cuba = load_script("models", "cuba")
microcircuit = load_script("models", "microcircuit")


def run(model: str, job: dict[str, Any]) -> dict[str, Any]:
    """Build, discard the first part, and time the rest without recording; then record for the rates."""
    with contextlib.redirect_stdout(io.StringIO()):
        import nest as package
    nest: Any = package
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=job["threads"], rng_seed=1 + job.get("seed", 0), keep_source_table=False)
    discarded, timed, last = (1e3 * s for s in (job["discard"], job["seconds"], min(job["seconds"], 1.0)))
    discarded = max(discarded, 2.0)
    began = time.perf_counter()
    groups = MODELS[model](nest, job)
    # recorders sleep until the clock has stopped; connecting them only then would take the sources of all synapses
    recorders = {name: nest.Create("spike_recorder", params={"start": discarded + timed}) for name in groups}
    for name, group in groups.items():
        nest.Connect(group, recorders[name])
    nest.Prepare()
    nest.Run(1.0)
    setup = time.perf_counter() - began
    nest.Run(discarded - 1.0)
    wall, clock = time.perf_counter(), time.process_time()
    nest.Run(timed)
    took, used = time.perf_counter() - wall, time.process_time() - clock
    nest.Run(last)
    nest.Cleanup()
    found = {"setup_s": setup, "run_s": took, "cpu_s": used, "seconds": job["seconds"]}
    found["rates"] = {n: recorders[n].n_events / len(g) / last * 1e3 for n, g in groups.items()}
    return found


def _cuba(nest: Any, job: dict[str, Any]) -> dict[str, Any]:
    drawn = cuba.draw(job.get("seed", 0))
    tau = 1e3 * cuba.TAU_MEM
    neurons = nest.Create("iaf_psc_exp", cuba.NEURONS, {
        "C_m": tau, "tau_m": tau, "tau_syn_ex": 1e3 * cuba.TAU_E, "tau_syn_in": 1e3 * cuba.TAU_I, "E_L": cuba.REST,
        "V_reset": cuba.RESET, "V_th": cuba.THRESHOLD, "t_ref": 1e3 * cuba.REFRACTORY, "I_e": 0.0,
    })  # fmt: skip
    neurons.V_m = drawn.v
    weight = np.where(drawn.pre < cuba.EXCITATORY, cuba.WEIGHT_E, cuba.WEIGHT_I)
    delay = np.full(len(weight), 0.1)
    first = neurons[0].global_id
    nest.SetDefaults("static_synapse", {"delay": 0.1})  # else its 1 ms is longer than all there are
    nest.Connect(drawn.pre + first, drawn.post + first, "one_to_one", {"weight": weight, "delay": delay})
    return {"neurons": neurons}


def _brunel(nest: Any, job: dict[str, Any]) -> dict[str, Any]:
    g, eta = brunel.STATES["AI"]
    neurons = round(brunel.NEURONS * job["scale"])
    j = brunel.unit(neurons)
    parameters = {
        "tau_m": 1e3 * brunel.TAU, "t_ref": 1e3 * brunel.REFRACTORY, "E_L": 0.0, "V_m": 0.0, "V_th": brunel.THRESHOLD,
        "V_reset": brunel.RESET,
    }  # fmt: skip
    groups = {n: nest.Create("iaf_psc_delta", round(s * neurons), parameters) for n, s in brunel.SIZES.items()}
    outside = nest.Create("poisson_generator", params={"rate": eta * brunel.THRESHOLD / (j * brunel.TAU)})
    for pre, weight in zip(groups.values(), (j, -g * j), strict=True):
        for post in groups.values():
            rule = {"rule": "fixed_indegree", "indegree": len(pre) // 10, "allow_multapses": False}
            nest.Connect(pre, post, rule, {"weight": weight, "delay": brunel.DELAY * 0.1})
    for group in groups.values():
        nest.Connect(outside, group, syn_spec={"weight": j, "delay": 0.1})
    return groups


def _microcircuit(nest: Any, job: dict[str, Any]) -> dict[str, Any]:
    scale, drive, m = job["scale"], job.get("drive") or drive_of(job["scale"]), microcircuit
    tau, pico = 1e3 * m.TAU_MEM, m.current() / np.sqrt(scale)
    groups = {}
    for i, name in enumerate(m.NAMES):
        groups[name] = nest.Create("iaf_psc_exp", round(m.SIZES[i] * scale), {
            "C_m": m.CAPACITY, "tau_m": tau, "tau_syn_ex": 1e3 * m.TAU_SYN, "tau_syn_in": 1e3 * m.TAU_SYN,
            "E_L": m.REST, "V_reset": m.REST, "V_th": m.THRESHOLD, "t_ref": 1e3 * m.REFRACTORY,
            "I_e": m.constant(i, scale, drive) * m.CAPACITY / tau,
        })  # fmt: skip
        groups[name].V_m = nest.random.normal(m.V_MEAN[i], m.V_SD[i])
        if drive == "poisson":
            source = nest.Create("poisson_generator", params={"rate": m.OUTSIDE_RATE * m.OUTSIDE[i] * scale})
            nest.Connect(source, groups[name], syn_spec={"weight": pico, "delay": 1.5})
    for i, post in enumerate(m.NAMES):
        kind = f"synapse onto {post}"  # a kind holds at most 2**27 synapses of a thread
        nest.CopyModel("static_synapse_hpc", kind)  # half of the memory
        for j, pre in enumerate(m.NAMES):
            number = round(m.synapses(i, j) * scale**2)
            if not number:
                continue
            mean = m.weights(i, j).mean / m.GRID * pico
            low, high = (0.0, np.inf) if mean > 0 else (-np.inf, 0.0)
            weight = nest.math.redraw(nest.random.normal(mean, abs(mean) / 10), min=low, max=high)
            delay = 0.75 if j % 2 else 1.5
            delay = nest.math.redraw(nest.random.normal(delay, delay / 2), min=0.05, max=np.inf)
            rule = {"rule": "fixed_total_number", "N": number}
            synapse = {"synapse_model": kind, "weight": weight, "delay": delay}
            nest.Connect(groups[pre], groups[post], rule, synapse)
    return groups


MODELS = {"cuba": _cuba, "brunel": _brunel, "microcircuit": _microcircuit, "microcircuit_half": _microcircuit}
