"""What of a run is recorded: chosen spikes, counts, rates, traces and weights are those of the whole run."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem import LIF, Input, Instar, Interrupted, Network, Population, Projection, Record, Recording, simulate
from snmem.backends.event import runner
from snmem.backends.event.kernels import entries
from snmem.cost import bill
from snmem.errors import BackendError, InputError
from snmem.plots import rates as plot_rates
from snmem.plots import traces as plot_traces
from snmem.recording.recorder import Memory
from snmem.sources import Poisson
from snmem.sources.draw import Draw

STEPS, SIZES = 40, {"x": 6, "h": 300, "o": 3}
X = np.random.default_rng(1).random((STEPS, 6)) < 0.3


@cache
def network(learns: bool = True) -> Network:
    rng = np.random.default_rng(0)
    rule = Instar(0.1, decay=0.5) if learns else None
    return Network(
        (Input("x", 6), Population("h", 300, LIF(0.5, 0.9, theta=2.0)), Population("o", 3, LIF(beta=0.5))),
        (
            Projection("x", "h", rng.random((300, 6)) * 2),
            Projection("h", "h", rng.normal(size=(300, 300)) * (rng.random((300, 300)) < 0.05), delay=3),
            Projection("h", "o", rng.random((3, 300)) * 0.1, plasticity=rule),
        ),
        dt=2e-3,
    )


@cache
def whole(backend: str = "reference", learns: bool = True) -> Recording:
    traces = ["h.u", "h.v", "o.v"]
    return simulate(network(learns), X, backend=backend, record=traces)


@cache
def weights_by_step() -> np.ndarray:
    """Weights after each step, of one run a step."""
    rows, state = [], None
    for t in range(STEPS):
        run = simulate(network(), X[t : t + 1], backend="reference", state=state)
        rows.append(run.weights["h->o"].data)
        state = run.state
    return np.array(rows)


def neurons(size: int) -> st.SearchStrategy:
    return st.one_of(st.just(True), st.lists(st.integers(0, size - 1), unique=True, max_size=5))


CHOICES = st.fixed_dictionaries({}, optional={name: neurons(size) for name, size in SIZES.items()})


@settings(max_examples=20, deadline=None)
@given(
    backend=st.sampled_from(["event", "reference"]),
    spikes=st.one_of(st.booleans(), CHOICES),
    counts=st.sets(st.sampled_from([*SIZES])),
    rates=st.sets(st.sampled_from([*SIZES])),
    width=st.one_of(st.none(), st.integers(1, 70)),
    traces=st.fixed_dictionaries({}, optional={"h.v": neurons(300), "h.u": neurons(300), "o.v": neurons(3)}),
    weights=st.one_of(st.booleans(), st.fixed_dictionaries({"h->o": neurons(900)})),
    every=st.integers(1, 70),
    cut=st.integers(1, STEPS - 1),
)
def test_what_is_chosen_is_what_the_whole_run_has(
    backend, spikes, counts, rates, width, traces, weights, every, cut
) -> None:
    """In one run and in two, the second of which goes on from the first."""
    record = Record(spikes, counts, rates, width if counts or rates else None, traces, weights, every)
    full = whole()
    one = simulate(network(), X, backend=backend, record=record)
    assert one.counters == full.counters
    first = simulate(network(), X[:cut], backend=backend, record=record)
    second = simulate(network(), X[cut:], backend=backend, record=record, state=first.state)
    chosen = dict.fromkeys(SIZES, True) if spikes is True else spikes or {}
    assert set(one.spikes) == set(chosen)
    for name, which in chosen.items():
        raster = full.spikes[name].raster()
        if which is not True:
            raster = raster & np.isin(np.arange(SIZES[name]), which)
        assert (one.spikes[name].raster() == raster).all()
        assert (np.concatenate([part.spikes[name].raster() for part in (first, second)]) == raster).all()
    for name, which in traces.items():
        rows = full.traces[name][::every] if which is True else full.traces[name][::every, which]
        assert np.array_equal(one.traces[name], rows)
        assert np.array_equal(np.concatenate([first.traces[name], second.traces[name]]), rows)
        assert np.array_equal(one.t(name), 2e-3 * np.arange(0, STEPS, every))
        assert np.array_equal(one.recorded(name), np.arange(SIZES[name[0]]) if which is True else which)
    for name in set(counts) | set(rates):
        edges = np.arange(0, STEPS, width or STEPS)
        binned = np.add.reduceat(full.spikes[name].raster().astype(int), edges, axis=0)
        if name in counts:
            assert np.array_equal(one.counts[name], binned)
        if name in rates:
            seconds = np.diff(np.append(edges, STEPS)) * 2e-3
            np.testing.assert_allclose(one.rates[name], binned.sum(axis=1) / SIZES[name] / seconds, rtol=1e-12)
        assert np.array_equal(one.t(name), edges * 2e-3)
    if weights:
        rows = weights_by_step()[::every]
        if weights is not True and weights["h->o"] is not True:
            rows = rows[:, weights["h->o"]]
        assert np.array_equal(one.weight_traces["h->o"], rows)
        both = np.concatenate([part.weight_traces["h->o"] for part in (first, second)])
        assert np.array_equal(both, rows)


@pytest.mark.parametrize("backend", ["brian2", "snntorch"])
def test_backends_that_keep_everything_are_filtered(backend) -> None:
    record = Record({"h": [250, 3]}, counts="o", rates="h", bin=7, traces={"h.v": [250, 3]}, every=4)
    run = simulate(network(False), X, backend=backend, record=record)
    assert run == simulate(network(False), X, record=record)
    assert run.counters == whole("event", False).counters
    assert np.array_equal(run.traces["h.v"], whole("event", False).traces["h.v"][::4, [250, 3]])


def test_threads_write_the_chosen_neurons_of_their_own_blocks() -> None:
    net = replace(network(False), projections=network(False).projections[:2])
    record = Record(False, traces={"h.v": [299, 0, 255, 256, 257]}, every=3)
    one, two = (simulate(net, X, record=record, threads=n) for n in (1, 2))
    assert one == two
    assert np.array_equal(two.traces["h.v"], whole("event", False).traces["h.v"][::3, [299, 0, 255, 256, 257]])


def test_a_run_that_records_nothing_keeps_nothing(monkeypatch) -> None:
    """Over many buffers of spikes, with the counters of a run that keeps all."""
    net = Network(
        (Population("a", 3000, LIF(bias=1.5)), Population("b", 1, LIF())), (Projection("a", "b", np.ones((1, 3000))),)
    )
    most = 0
    keep = Memory.spikes

    def look(self, name, step, neuron, *values):
        nonlocal most
        most += len(step)
        keep(self, name, step, neuron, *values)

    monkeypatch.setattr(Memory, "spikes", look)
    run = simulate(net, steps=300, record=Record(spikes="b"))
    assert most == len(run.spikes["b"]) == 299
    full = simulate(net, steps=300)
    assert run.counters == full.counters
    assert run.counters.spikes["a"] == 900_000
    assert run.spikes["b"] == full.spikes["b"]
    assert run.state.step == 300


def test_silence_is_skipped_where_nothing_is_recorded() -> None:
    net = Network((Input("x", 1), Population("a", 1, LIF())), (Projection("x", "a", np.full((1, 1), 2.0)),))
    run = simulate(net, {"x": ([5], [0])}, 2**50, record=Record(spikes="a", rates="a"))
    assert run.spikes["a"].step.tolist() == [6]
    assert run.rates["a"] == pytest.approx([1 / (2**50 * 1e-3)])


def test_ctrl_c_hands_over_what_was_recorded(monkeypatch) -> None:
    calls = []

    def stop_later(step: int) -> None:
        calls.append(step)
        if len(calls) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(runner, "HAND_ON_S", 0.0)
    record = Record("h", counts="h", bin=4, traces={"h.v": [3]}, weights=True, every=2)
    with pytest.raises(Interrupted) as stopped:
        simulate(network(), X, record=record, progress=stop_later)
    part = stopped.value.recording
    assert 0 < part.steps < STEPS
    assert part.spikes["h"] == whole().spikes["h"].between(0, part.steps)
    assert np.array_equal(part.traces["h.v"], whole().traces["h.v"][: part.steps : 2, [3]])
    assert np.array_equal(part.weight_traces["h->o"], weights_by_step()[: part.steps : 2])
    assert part.counts["h"].sum() == len(part.spikes["h"])


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(spikes="y"), "spikes of 'y'; use one of 'x', 'h', 'o'"),
        (Record(spikes=3), "spikes of 3; write True, False, names"),
        (Record(spikes={"o": [3]}), "neuron 3 of 'o'; it has 3, from 0 on"),
        (Record(spikes={"o": [-1]}), "neuron -1 of 'o'"),
        (Record(spikes={"o": [0, 0]}), "come twice"),
        (Record(spikes={"o": [0.5]}), "whole numbers, a slice or 3 booleans"),
        (Record(spikes={"o": [[1], [1, 2]]}), "whole numbers"),
        (Record(counts="y"), "counts of 'y'"),
        (Record(rates={"h": [0]}), "rates are of whole populations"),
        (Record(counts="h", bin=0), "bin must be a whole number >= 1, got 0"),
        (Record(bin=5), "bin = 5 is of no use without counts or rates"),
        (Record(traces="h.w"), "'h.w'; the neurons of 'h' have the variables u, v"),
        (Record(traces={"h.v": [300]}), "neuron 300 of 'h.v'; it has 300"),
        (Record(traces="h.v", every=0), "every must be a whole number >= 1, got 0"),
        (Record(traces="h.v", every={"h.v": -1}), "every of 'h.v' must be a whole number >= 1, got -1"),
        (Record(traces="h.v", every={"h.u": 2}), "every names 'h.u', which is not recorded"),
        (Record(weights="x->h"), "weights of 'x->h'; use one of the projections that learn: 'h->o'"),
        (Record(weights={"h->o": [900]}), "synapse 900 of 'h->o'; it has 900"),
    ],
)  # fmt: skip
def test_a_choice_that_does_not_fit_is_refused_in_one_line(record, words) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as error:
        simulate(network(), X, record=record)
    assert "\n" not in str(error.value)


def test_choices_are_numbers_slices_or_booleans() -> None:
    for which in (4, [4], slice(4, 5), range(4, 5), np.arange(300) == 4):
        run = simulate(network(False), X, record=Record({"h": which}, traces={"h.v": which}))
        assert run.recorded("h").tolist() == run.recorded("h.v").tolist() == [4]


def test_counts_and_weights_count_for_the_limit_of_memory() -> None:
    for record in (Record(False, counts="h", bin=1), Record(False, weights=True), Record(False, traces="h.v")):
        with pytest.raises(InputError, match=r"wants [\d,.]+ GB"):
            simulate(network(), X, 10**9, record=record)


def test_backends_without_weights_over_time_say_so() -> None:
    with pytest.raises(BackendError, match=r"'brian2': records no weights over time \(of 'h->o'\)"):
        simulate(network(), X, backend="brian2", record=Record(weights=True))


def test_the_bill_needs_all_spikes() -> None:
    run = simulate(network(False), X, record=Record({"h": True, "o": [1]}), counters=True)
    with pytest.raises(InputError, match=r"bill: the recording holds no spikes of 'x', all are needed"):
        bill(network(False), run, "loihi1-nahuku")


def test_times_are_in_seconds_from_the_first_run_on() -> None:
    first = simulate(network(False), X[:20])
    second = simulate(network(False), X[20:], state=first.state, record=Record(traces={"h.v": [7]}, every=8))
    assert np.array_equal(second.times("h"), (20 + second.spikes["h"].step) * 2e-3)
    assert second.t("h.v").tolist() == [24 * 2e-3, 32 * 2e-3]
    with pytest.raises(KeyError, match=r"no trace, .* of 'h\.u'; known: 'h\.v'"):
        second.t("h.u")
    axes = plot_traces(second, neurons=[7]).axes[0]
    assert axes.lines[0].get_xdata().tolist() == pytest.approx(second.t("h.v") * 1e3)
    assert axes.get_legend_handles_labels()[1] == ["neuron 7"]
    with pytest.raises(InputError, match=r"neuron 0 of 'h\.v' was not recorded; recorded are 7"):
        plot_traces(second, neurons=[0])
    data = second.to_xarray()
    assert data["h.v"].coords["h.v step"].values.tolist() == [24, 32]
    assert data["h.v"].coords["h.v neuron"].values.tolist() == [7]


def test_rates_of_chosen_neurons_are_theirs() -> None:
    run = simulate(network(False), X, record=Record({"h": [1, 2]}))
    values = plot_rates(run, "h", window=STEPS).axes[0].patches[0].get_data().values
    assert values == pytest.approx([len(run.spikes["h"]) / 2 / (STEPS * 2e-3)])


def test_the_machine_code_of_traces_is_shared() -> None:
    """Chosen neurons, all of them and none are no types of their own."""
    before = len(entries.run.signatures)
    for record in (Record(), Record(traces="h.v"), Record(traces={"h.v": [2]})):
        simulate(network(False), X, record=record)
    assert len(entries.run.signatures) - before <= 1


def test_events_of_a_source_that_nobody_wants_are_drawn_once(monkeypatch) -> None:
    """They are counted while the engine takes them; the counters are those of a run that keeps them, in pieces too."""
    net = Network(
        (Poisson("outside", 30, rate=300.0), Population("h", 30, LIF())),
        (Projection("outside", "h", 0.9 * np.eye(30)), Projection("h", "h", np.full((30, 30), 0.01), 2)),
    )
    whole = simulate(net, {}, 500).counters
    drawn, into = [], Draw.into

    def counting(self, start, stop, shift, out, n):
        place, reached = into(self, start, stop, shift, out, n)
        drawn.append(reached - start)
        return place, reached

    monkeypatch.setattr(Draw, "into", counting)
    first = simulate(net, {}, 200, record=Record(spikes=False))
    rest = simulate(net, {}, 300, record=Record(spikes="h"), state=first.state)
    assert sum(drawn) == 500
    for name in whole.spikes:
        assert first.counters.spikes[name] + rest.counters.spikes[name] == whole.spikes[name] > 0
    for name, events in whole.synaptic_events.items():
        assert first.counters.synaptic_events[name] + rest.counters.synaptic_events[name] == events
