"""Sources: what they draw, that every backend draws the same, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from snmem import LIF, Input, Network, Population, Projection, read_nir, simulate, write_nir
from snmem.backends.event import feed
from snmem.conformance import assert_same
from snmem.cost import measure
from snmem.errors import InputError, NetworkError
from snmem.sources import SOURCES, Poisson, Regular, Scheduled, Source, drawn, reseeded
from snmem.sources.draw import groups_of, key_of

DT = 1e-3


def frames(source: Source, start: int, stop: int, dt: float = DT) -> np.ndarray:
    """What a source draws, as an array (steps, lines)."""
    step, line, value = source.draw(start, stop, dt)
    assert (np.diff(step * source.size + line) > 0).all()
    out = np.zeros((stop - start, source.size))
    out[step - start, line] = 1 if value is None else value
    return out


# --- statistics ---


@pytest.mark.parametrize("rate", [0.003, 0.04, 0.3, 0.9, 1.7, 12.0])
def test_counts_are_poisson(rate):
    counts = frames(Poisson("a", 400, rate=rate, unit="step", seed=1), 0, 2000).astype(int)
    n, total = counts.size, counts.sum()
    assert abs(total - n * rate) < 4 * np.sqrt(n * rate)
    assert abs(counts.var() / rate - 1) < 4 * np.sqrt((2 + 1 / rate) / n)
    top = int(stats.poisson.ppf(1 - 20 / n, rate))  # the rest counts as one
    seen = np.bincount(np.minimum(counts.ravel(), top), minlength=top + 1)
    expected = n * np.append(stats.poisson.pmf(np.arange(top), rate), stats.poisson.sf(top - 1, rate))
    assert stats.chisquare(seen, expected).pvalue > 1e-3
    per_line = counts.sum(0)  # independent steps: Poisson again
    assert stats.kstest(stats.norm.cdf((per_line - 2000 * rate) / np.sqrt(2000 * rate)), "uniform").pvalue > 1e-4


def test_lines_and_steps_are_independent():
    counts = frames(Poisson("a", 64, rate=0.3, unit="step"), 0, 20_000)  # blocks of two lines
    pairs = np.corrcoef(counts.T)[np.triu_indices(64, 1)] * np.sqrt(20_000)
    later = [np.corrcoef(counts[:-1, i], counts[1:, i])[0, 1] * np.sqrt(20_000) for i in range(64)]
    other = frames(Poisson("b", 64, rate=0.3, unit="step"), 0, 20_000)
    across = [np.corrcoef(counts[:, i], other[:, i])[0, 1] * np.sqrt(20_000) for i in range(64)]
    for z in (pairs, later, across):
        assert stats.kstest(z, "norm").pvalue > 1e-3


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("kinds", [5, 300])
def test_every_line_has_its_rate(several, kinds):
    rates = np.resize(np.random.default_rng(0).uniform(0, 0.9, kinds), 300)
    rates[7] = 0
    counts = frames(Poisson("a", 300, rate=rates / DT, several=several), 0, 8000)
    deviation = np.sqrt((rates if several else rates * (1 - rates)) / 8000)
    z = (counts.mean(0) - rates)[rates > 0] / deviation[rates > 0]
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert not counts[:, 7].any()
    assert counts.max() == 1 or several


def test_at_most_one_event_is_bernoulli():
    counts = frames(Poisson("a", 1000, rate=[0.02] * 1000, unit="step", several=False), 0, 5000)
    per_step = counts.sum(1)
    assert counts.max() == 1
    assert abs(per_step.mean() - 20) < 4 * np.sqrt(1000 * 0.02 * 0.98 / 5000)
    assert abs(per_step.var() / (1000 * 0.02 * 0.98) - 1) < 4 * np.sqrt(2 / 5000)
    assert (frames(Poisson("b", 3, rate=1.0, unit="step", several=False), 0, 50) == 1).all()


# --- the documented method, in Python's own integers ---

ALL = 2**64


def mix(key: int, index: int) -> int:
    z = (key + 0x9E3779B97F4A7C15 * (index % ALL + 1)) % ALL
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % ALL
    z = (z ^ z >> 27) * 0x94D049BB133111EB % ALL
    return z ^ z >> 31


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("rates", [[0.05] * 40, [2.0] * 7, list(np.linspace(0.01, 0.8, 40)), [0.5, 0, 0.01] * 9])
def test_events_are_those_of_the_documented_method(several, rates):
    rates = np.minimum(rates, 1 if not several else 9)
    expected = np.zeros((30, len(rates)))
    key = int(key_of("a", 5))
    for number, group in enumerate(groups_of(np.asarray(rates, float), several)):
        k, blocks = mix(key, number), -(-len(group.lines) // 2**group.bits)
        thresholds = [int(x) for x in group.thresholds]
        for t in range(30):
            for b in range(blocks):
                i = t * blocks + b
                many, place, slots, draw = sum(mix(k, i) >= x for x in thresholds), mix(mix(k, ALL - 1), i), [], 0
                while len(slots) < many:
                    slot = mix(place, 2 * draw) >> (64 - group.bits)
                    draw += 1
                    if not several and slot in slots:
                        continue
                    slots.append(slot)
                    at = b * 2**group.bits + slot
                    keep = int(group.keep[at]) if len(group.keep) and at < len(group.lines) else ALL - 1
                    if at < len(group.lines) and mix(place, 2 * draw - 1) <= keep:
                        expected[t, group.lines[at]] += 1
    source = Poisson("a", len(rates), rate=rates, unit="step", seed=5, several=several)
    assert expected.sum()
    assert (frames(source, 0, 30) == expected).all()


def test_regular_and_scheduled_events():
    x = frames(Regular("r", 3, period=[2, 3.5, 30], phase=[0, 1, 2]), 0, 12)
    assert [np.flatnonzero(line).tolist() for line in x.T] == [[0, 2, 4, 6, 8, 10], [1, 4, 8, 11], [2]]
    thirds = frames(Regular("r", 1, period=0.003, phase=0.006, unit="s"), 0, 3000, 1e-4)
    assert (np.flatnonzero(thirds) == np.arange(60, 3000, 30)).all()
    s = Scheduled("s", 2, times=[0.0042, 0.001, 0.0049, 0.0], lines=[1, 0, 1, 0], value=[2, 0.5, 1.5, 1], unit="s")
    assert frames(s, 0, 5).tolist() == [[1, 0], [0.5, 0], [0, 0], [0, 0], [0, 3.5]]


SOME = st.one_of(
    st.builds(
        lambda n, rate, several: Poisson("p", n, rate=rate, unit="step", several=several),
        st.integers(1, 90),
        st.floats(0, 1),
        st.booleans(),
    ),
    st.builds(
        lambda n, period, phase: Regular("r", n, period=period, phase=phase),
        st.integers(1, 5),
        st.floats(1, 9),
        st.floats(0, 9),
    ),
    st.builds(lambda times: Scheduled("s", 3, times=times, lines=[t % 3 for t in times]), st.lists(st.integers(0, 40))),
)


@settings(max_examples=60)
@given(SOME, st.integers(0, 40), st.integers(0, 40), st.integers(0, 10**6))
def test_a_piece_is_what_the_whole_has_there(source, a, b, offset):
    low, high = sorted((a, b))
    whole = frames(source, offset, offset + 40)
    assert (frames(source, offset + low, offset + high) == whole[low:high]).all()


# --- in networks ---


def network(rng: np.random.Generator) -> Network:
    n, m = int(rng.integers(1, 60)), int(rng.integers(1, 300))
    lines = (
        Input("x", n),
        Poisson("p", n, rate=rng.choice([0.02, 0.3, 1.5]), unit="step"),
        Poisson("b", n, rate=rng.uniform(0, 900, n), several=False, seed=3),
        Regular("r", n, period=rng.uniform(1, 9, n), phase=2),
        Scheduled("s", n, times=rng.uniform(0, 0.08, 50), lines=rng.integers(0, n, 50), unit="s"),
    )
    weights = [np.round(8 * rng.normal(0, 0.4, (m, n))) / 8 for _ in lines]
    projections = [Projection(p, "h", w, int(rng.integers(0, 5))) for p, w in zip(lines, weights, strict=True)]
    back = Projection("h", "h", rng.normal(0, 0.05, (m, m)))
    return Network((*lines, Population("h", m, LIF(alpha=0.5, beta=0.9))), (*projections, back))


@pytest.mark.parametrize("seed", range(3))
def test_backends_pieces_and_threads_draw_the_same(seed, monkeypatch, tmp_path):
    monkeypatch.setattr(drawn, "AT_ONCE", 500)  # several chunks
    monkeypatch.setattr(feed, "AT_ONCE", 700)
    rng = np.random.default_rng(seed)
    net = network(rng)
    x = rng.random((90, net["x"].size)) < 0.1
    expected = simulate(net, {"x": x}, backend="reference", record="h.v", counters=True)
    found = simulate(net, {"x": x}, record="h.v", counters=True)
    assert_same(expected, found)
    assert expected == found
    assert simulate(net, {"x": x}, threads=2).spikes == expected.spikes
    for backend in ("event", "reference"):
        first = simulate(net, {"x": x[:33]}, 33, backend)
        then = simulate(net, {"x": x[33:]}, 57, backend, state=first.state)
        for name in net["h"].name, "p", "r":
            assert then.spikes[name] == expected.spikes[name].between(33, 90)
    if seed == 0:
        assert simulate(net, {"x": x}, backend="brian2").spikes == expected.spikes
        assert simulate(net, {"x": x}, backend="snntorch").spikes == expected.spikes
    notes = write_nir(net, tmp_path / "net.nir")
    assert "input 'p': draws its own events (Poisson); others see an Input to be fed" in notes
    assert read_nir(tmp_path / "net.nir") == net
    assert read_nir(tmp_path / "net.nir").digest() == net.digest()


def test_the_event_engine_keeps_no_event():
    net = Network(
        (Poisson("p", 2000, rate=1.0, unit="step"), Population("h", 1, LIF(theta=np.inf, beta=0.0))),
        (Projection("p", "h", np.full((1, 2000), 0.5)),),
    )
    run = simulate(net, steps=1000, record="h.v")
    assert "_kept" not in vars(run.spikes["p"])
    total = net["p"].draw(0, 999, DT)[2]
    assert run.traces["h.v"].sum() == 0.5 * total.sum()
    assert run.counters.synaptic_events["p->h"] == run.counters.spikes["p"] == len(run.spikes["p"].step)
    with pytest.raises(InputError, match=r"are about 2e\+12 events, the limit for keeping them is 1e\+09"):
        drawn.Drawn(net["p"], 0, 10**9, DT).step  # noqa: B018


def test_a_bill_counts_what_sources_draw():
    net = Network(
        (Poisson("p", 50, rate=0.2, unit="step"), Population("h", 8, LIF(beta=0.5))),
        (Projection("p", "h", np.full((8, 50), 0.1)),),
    )
    run = simulate(net, steps=300)
    bill = measure(net, None, 300, "loihi1-nahuku")
    assert bill.counters["synaptic_events"] == run.counters.synaptic_events["p->h"]


def test_sources_are_registered_and_compared_by_what_they_say():
    assert {"poisson", "regular", "scheduled"} <= set(SOURCES)
    assert Poisson("a", 2, rate=[1, 2]) == Poisson("a", 2, rate=[1, 2]) != Poisson("a", 2, rate=[1, 3])
    nets = [
        Network((s, Population("h", 1, LIF())))
        for s in (Input("a", 2), Poisson("a", 2, rate=1), Poisson("a", 2, rate=2), Regular("a", 2, period=2))
    ]
    assert len({net.digest() for net in nets}) == len(nets)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Poisson("a", 3, rate=-1), "source 'a': rate must be finite and >= 0, got -1"),
        (lambda: Poisson("a", 3, rate=np.nan), "rate must be finite and >= 0, got nan"),
        (
            lambda: Poisson("a", 3, rate=[1, 2]),
            r"rate must be a number or 3 numbers, one for each line, got shape \(2,\)",
        ),
        (lambda: Poisson("a", 3, rate=1, unit="kHz"), "unit must be 'Hz' or 'step', got 'kHz'"),
        (lambda: Poisson("a", 3, rate=1, seed=-1), "seed must be a whole number >= 0, got -1"),
        (
            lambda: Poisson("a", 3, rate=2000, several=False),
            "a rate of 2000 Hz is 2 events per step .* the limit is 1; lower",
        ),
        (lambda: Poisson("a", 3, rate=2e9), r"is 2e\+06 events per step of 0\.001 s, the limit is 1000; lower it"),
        (lambda: Regular("a", 3, period=0), "period must be finite and above 0, got 0"),
        (lambda: Regular("a", 3, period=5e-4, unit="s"), "is 0.5 steps of 0.001 s, a rate above 1/dt; lengthen it"),
        (lambda: Scheduled("a", 3, times=[-1], lines=[0]), "times must be finite numbers >= 0"),
        (lambda: Scheduled("a", 3, times=[0.5], lines=[0]), "times in steps must be whole numbers"),
        (lambda: Scheduled("a", 3, times=[1], lines=[7]), r"neuron 7 is outside 0\.\.2"),
        (lambda: Scheduled("a", 3, times=[1], lines=[1], value=[np.inf]), "holds inf"),
    ],
)
def test_what_a_source_refuses(make, message):
    with pytest.raises(NetworkError, match=message):
        Network((make(), Population("h", 1, LIF())))


def test_a_source_is_not_fed():
    net = Network((Poisson("p", 2, rate=1), Population("h", 2, LIF())), (Projection("p", "h", np.eye(2)),))
    with pytest.raises(InputError, match="'p' is a source and draws its own events; leave it out, or replace it"):
        simulate(net, {"p": np.ones((3, 2))})
    with pytest.raises(InputError, match="steps is not given, and no input says how long it is"):
        simulate(net)


@pytest.mark.parametrize("at_once", [1, 700, 1 << 20])
def test_sources_are_drawn_together_in_their_order(monkeypatch, at_once):
    """Those whose lines are drawn one by one, and others: the spikes of the reference, in pieces too."""
    monkeypatch.setattr(feed, "DRAWN_AT_ONCE", at_once)
    net = Network(
        (
            Poisson("a", 40, rate=900.0),
            Poisson("c", 40, rate=1.5, unit="step"),
            Poisson("b", 30, rate=20.0, several=False),
            Population("h", 40, LIF(alpha=0.3, theta=3.0)),
        ),
        (
            Projection("a", "h", 0.7 * np.eye(40), 3),
            Projection("c", "h", 0.13 * np.eye(40), 2),
            Projection("b", "h", np.full((40, 30), 0.31), 1),
            Projection("h", "h", np.full((40, 40), -0.05), 2),
        ),
    )
    right = simulate(net, {}, 300, "reference")
    whole = simulate(net, {}, 300)
    assert whole.spikes["h"].differing(right.spikes["h"]) == (0, None)
    for name in "acb":
        assert whole.counters.spikes[name] == right.counters.spikes[name] == len(right.spikes[name])
        assert (whole.spikes[name].counts() == np.bincount(right.spikes[name].neuron, minlength=net[name].size)).all()
    first = simulate(net, {}, 130)
    rest = simulate(net, {}, 170, state=first.state)
    assert rest.spikes["h"].differing(right.spikes["h"].between(130, 300)) == (0, None)


def test_counts_of_a_source_leave_a_grid_of_weights_exact():
    """Bit planes stay where Poisson events come beside them; their spikes are the reference's."""
    from snmem.backends.event.columns import FIRST_ROW
    from snmem.backends.event.layout.network import layout_of

    rng = np.random.default_rng(3)
    weights = np.where(rng.random((600, 600)) < 0.3, rng.integers(-3, 4, (600, 600)), 0) * 0.25
    net = Network(
        (Poisson("out", 600, rate=2.0, unit="step"), Population("h", 600, LIF(beta=0.9, theta=12.0))),
        (Projection("out", "h", np.eye(600), 1), Projection("h", "h", weights, 2)),
    )
    planes = layout_of(net).net.planes.dense[:, FIRST_ROW] >= 0
    assert planes.tolist() == [False, True]
    run, right = (simulate(net, {}, 60, backend) for backend in ("event", "reference"))
    assert len(right.spikes["h"]) > 100
    assert run.spikes["h"].differing(right.spikes["h"]) == (0, None)
    values = net.inputs[0].largest
    assert values == 2000
    assert max(Poisson("p", 2000, rate=1000.0, unit="step").draw(0, 50, 1.0)[2]) < values


def test_trials_with_other_events_share_the_layout_and_not_the_spikes():
    """Each trial has the spikes that the same network, built anew with that seed, has; learned weights stay apart."""
    from snmem import Instar
    from snmem.backends.event.layout.network import layout_of

    def build(seed):
        return Network(
            (Poisson("x", 30, rate=40.0, seed=seed), Population("h", 20, LIF(beta=0.9))),
            (Projection("x", "h", np.full((20, 30), 0.2), plasticity=Instar(0.1)),),
        )

    net = build(0)
    trials = [reseeded(net, seed) for seed in range(4)]
    assert len({id(layout_of(trial)) for trial in trials}) == 1
    runs = [simulate(trial, {}, 200) for trial in trials]
    for seed, run in enumerate(runs):
        alone = simulate(build(seed), {}, 200)
        assert run.spikes == alone.spikes
        assert (run.weights["x->h"] != alone.weights["x->h"]).nnz == 0
    assert len({len(run.spikes["x"]) for run in runs}) > 1
    other = Network(trials[0].populations, (Projection("x", "h", np.full((20, 30), 0.3), plasticity=Instar(0.1)),))
    assert layout_of(other) is not layout_of(net)
    with pytest.raises(NetworkError, match="seed"):
        reseeded(net, -1)
    with pytest.raises(NetworkError, match="reseeded: takes a Network, got 'net'"):
        reseeded("net", 1)
