"""Threads of the event engine on busy machines, and Ctrl-C at any moment. No test depends on the clock."""

import itertools
import os
import signal
import threading

import numpy as np
import pytest

from snmem import LIF, Input, Network, Population, Projection, simulate
from snmem.backends.event import runner, team, turns
from snmem.backends.event.kernels import entries, meeting
from snmem.backends.event.turns import Turns
from snmem.spikes import Interrupted


def _network(cells=False):
    """Two populations, in 12 and 36 blocks; with ``cells``, one that runs neuron by neuron."""
    rng = np.random.default_rng(4)
    a, b = 3000, 9000 if cells else 600
    back = rng.integers(-4, 8, (b, 40)) / 16 * (rng.random((b, 40)) < 0.02)
    return Network(
        (Input("x", 40), Population("a", a, LIF(0.5, 0.9, bias=0.11)), Population("b", b, LIF(0.5, 0.875))),
        (Projection("x", "a", rng.integers(-4, 9, (a, 40)) / 16), Projection("x", "b", back, delay=2)),
    )


@pytest.mark.parametrize("cells", [False, True])
@pytest.mark.parametrize("threads", [2, 3])
def test_changing_between_all_threads_and_one_changes_no_bit(monkeypatch, cells, threads):
    network = _network(cells)
    x = {"x": np.random.default_rng(5).random((300, 40)) < 0.05}
    whole = simulate(network, x, 300)
    chosen, taken = itertools.cycle((True, False, False, True)), []
    monkeypatch.setattr(team, "START_S", 60.0)
    monkeypatch.setattr(turns, "SLICE_S", 0.0)  # a slice is a step, or a few
    monkeypatch.setattr(Turns, "choose", lambda self, now: (next(chosen), 1.0))
    monkeypatch.setattr(Turns, "note", lambda self, together, *more: taken.append(together))
    run = simulate(network, x, 300, threads=threads)
    assert run.spikes == whole.spikes
    assert len(run.spikes["a"]) > 1000
    assert len(run.spikes["b"]) > 100
    assert sum(taken) > 5
    assert len(taken) - sum(taken) > 5
    rest = [simulate(network, {}, 20, record=["a.u", "b.v"], state=r.state) for r in (whole, run)]
    assert all(np.array_equal(rest[0].traces[name], rest[1].traces[name]) for name in ("a.u", "b.v"))
    counted = [simulate(network, x, 300, counters=True, threads=n) for n in (1, threads)]
    assert counted[0].counters == counted[1].counters


def test_a_run_ends_while_the_other_thread_does_not_run(monkeypatch):
    network = _network()
    whole, run, stopped = simulate(network, {}, 200), entries.run, threading.Event()
    monkeypatch.setattr(Turns, "choose", lambda self, now: (True, 1.0))

    def late(*arguments):
        if arguments[-2].thread == 1:
            stopped.wait()
        run(*arguments)

    monkeypatch.setattr(entries, "run", late)
    try:
        chosen = Turns()
        network.__dict__["_event_layout"].layout.turns[2] = chosen
        monkeypatch.setattr(Turns, "choose", lambda self, now: (chosen.pace[True] < np.inf or not self.seconds, 1.0))
        first = simulate(network, {}, 200, threads=2)
        tries = iter((True, False))
        monkeypatch.setattr(Turns, "choose", lambda self, now: (next(tries, False), 1.0))
        second = simulate(network, {}, 200, threads=2)
    finally:
        stopped.set()
    assert first.spikes == second.spikes == whole.spikes
    assert chosen.pace[True] == np.inf  # it was tried, and did not start


def test_who_waits_long_takes_naps():
    threads, columns = 2, int(meeting.COLUMNS)
    sync = np.zeros((meeting.SAID + threads, columns), np.int64)
    waiting = threading.Thread(target=meeting.wait, args=(sync, threads))
    waiting.start()
    while sync[meeting.NAPS, 0] < 5:  # without them, this would not end
        pass
    assert waiting.is_alive()
    sync[meeting.ARRIVED, 0] += 1
    waiting.join()
    naps = int(sync[meeting.NAPS, 0])
    meeting.wait(sync, 1)  # nobody to wait for
    assert sync[meeting.NAPS, 0] == naps


def _paces(chosen, now, alone, together, seconds):
    """Slices until ``now + seconds``, a step taking what the functions say; the share of steps made together."""
    counts, end = {False: 0, True: 0}, now + seconds
    while now < end:
        mode, length = chosen.choose(now)
        pace = (together if mode else alone)(now)
        steps = max(1, int(length / pace))
        chosen.note(mode, now, now + steps * pace, steps)
        counts[mode] += steps
        now += steps * pace
    return counts[True] / sum(counts.values()), now


def test_the_faster_way_is_taken_and_trials_cost_little():
    """On a clock that is counted: 10 microseconds a step alone; together 6, or 3 milliseconds on a busy machine."""
    chosen = Turns()
    share, now = _paces(chosen, 100.0, lambda t: 1e-5, lambda t: 6e-6, 10.0)
    assert share > 0.97
    share, then = _paces(chosen, now, lambda t: 1e-5, lambda t: 3e-3, 10.0)
    assert share < 0.01  # the machine has become busy
    alone = Turns()
    share, _ = _paces(alone, 0.0, lambda t: 1e-5, lambda t: 3e-3, 10.0)
    steps_alone = (1 - share) * 10.0 / 1e-5
    assert steps_alone * 1e-5 > 10.0 / 1.1
    share, _ = _paces(chosen, then, lambda t: 1e-5, lambda t: 6e-6, 100.0)
    assert share > 0.6  # it is tried again


def test_a_system_that_gives_no_threads_runs_on_one(monkeypatch, threads_together):
    def none(self, *arguments):
        raise RuntimeError("can't start new thread")

    network = _network()
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor.submit", none)
    flips = itertools.cycle((True, False))
    monkeypatch.setattr(Turns, "choose", lambda self, now: (next(flips), 1.0))
    assert simulate(network, {}, 50, threads=2).spikes == simulate(network, {}, 50).spikes


# Ctrl-C


def _press():
    os.kill(os.getpid(), signal.SIGINT)


def _interrupted(network, steps, **options):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted) as caught:
        simulate(network, {}, steps, **options)
    assert signal.getsignal(signal.SIGINT) is handler
    return caught.value.recording


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_between_slices_hands_over_what_was_recorded(monkeypatch, threads):
    monkeypatch.setattr(turns, "SLICE_S", 0.0)
    network = _network()
    whole = simulate(network, {}, 400)
    part = _interrupted(network, 400, threads=threads, progress=lambda done: done > 20 and _press())
    assert 20 < part.steps < 400
    assert part.spikes["a"] == whole.spikes["a"].between(0, part.steps)


@pytest.mark.parametrize("where", ["_recording", "_on_their_way"])
def test_ctrl_c_while_the_recording_is_made_loses_nothing(monkeypatch, where):
    network, real = _network(), getattr(runner, where)
    whole = simulate(network, {}, 100, counters=True)

    def pressed(*arguments):
        _press()
        return real(*arguments)

    monkeypatch.setattr(runner, where, pressed)
    part = _interrupted(network, 100, counters=True)
    assert part.spikes == whole.spikes
    assert part.counters == whole.counters


def test_ctrl_c_while_sleeping_neurons_are_brought_up_to_date_hands_over_the_spikes(monkeypatch):
    """v decays by a trillionth in a step: 10^15 steps of silence are crossed at once, but take months to catch up."""
    h = Population("h", 10, LIF(alpha=0.0, beta=1 - 1e-12, theta=1.0))
    network = Network((Input("x", 1), h), (Projection("x", "h", np.full((10, 1), 0.6)),))
    settle = entries.settle

    def pressed(*arguments):
        _press()
        settle(*arguments)

    monkeypatch.setattr(entries, "settle", pressed)
    with pytest.raises(Interrupted) as caught:
        simulate(network, {"x": ([0, 1, 2], [0, 0, 0])}, 10**15, counters=True)
    part = caught.value.recording
    assert np.unique(part.spikes["h"].step).tolist() == [2]
    assert part.steps == 10**15
    assert part.counters.updated is None  # not all were counted


def test_a_handler_that_does_not_raise_lets_the_run_go_on(monkeypatch):
    monkeypatch.setattr(turns, "SLICE_S", 0.0)
    network, calls = _network(), []
    before = signal.signal(signal.SIGINT, lambda *arguments: calls.append(arguments))
    try:
        run = simulate(network, {}, 50, progress=lambda done: _press())
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.steps == 50
    assert len(calls) > 3
