"""Compiled inner loops of the transformers: one batch of sequences, forward and gradients, summed over the batch.

Slow weights are kept with one row per token: ``wq``, ``wk`` (tokens, keys), ``wv`` (tokens, 2). Tokens are one-hot, so
``W x`` is a row. Equations: :mod:`snmem.attention.transformer.models`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._jit import kernel

_OPTIONS: dict[str, Any] = {"fastmath": {"reassoc", "contract"}}
MEMORY, ALIGNMENT = 1, 2  # 0: fixed weights


@kernel(**_OPTIONS)
def draw(rng, letters, order, tokens):
    """Draw a sequence: fill ``tokens`` (N,) and ``order`` (L,), return (query token, upper)."""
    n = tokens.size
    for i in range(letters):
        order[i] = i
    for i in range(n):
        j = i + int(rng.random() * (letters - i))
        order[i], order[j] = order[j], order[i]
        tokens[i] = order[i] + (letters if rng.random() < 0.5 else 0)
    asked = int(rng.random() * n)
    return 2 * letters + order[asked], tokens[asked] >= letters


@kernel(**_OPTIONS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@kernel(**_OPTIONS)
def _softmax(x):
    """Softmax in place."""
    top = x.max()
    total = 0.0
    for i in range(x.size):
        x[i] = np.exp(x[i] - top)
        total += x[i]
    for i in range(x.size):
        x[i] /= total


@kernel(**_OPTIONS)
def _back(a, d):
    """(diag(a) - a a^T) d, into d."""
    mean = _dot(a, d)
    for i in range(a.size):
        d[i] = a[i] * (d[i] - mean)


@kernel(**_OPTIONS)
def write_context(tokens, wk, wv, projected, fk, fv, fx):
    """Write the items one by one into the fast weights: fk (hidden, keys), fv (hidden, 2), fx (hidden, tokens)."""
    for token in tokens:
        best, winner = -1e300, 0
        for j in range(fk.shape[0]):
            h = _dot(fk[j], wk[token])
            if projected and j == token:
                h += 1.0
            if h > best:
                best, winner = h, j
        fk[winner] = wk[token]
        fv[winner] = wv[token]
        fx[winner] = 0.0
        fx[winner, token] = 1.0


@kernel(**_OPTIONS)
def write_ensembles(tokens, wk, wv, project, winners, write_rate, fk, fv, fx, drive, won):
    """Write every item into the ``winners`` units of largest drive (first ones of equal drive), by ``write_rate``.

    ``project`` (hidden, tokens); ``drive`` (hidden,) and ``won`` (winners,) are working memory.
    """
    for token in tokens:
        for j in range(fk.shape[0]):
            drive[j] = _dot(fk[j], wk[token]) + project[j, token]
        for n in range(winners):
            best, winner = -1e300, 0
            for j in range(drive.size):
                if drive[j] > best:
                    best, winner = drive[j], j
            drive[winner] = -1e300
            won[n] = winner
        for j in won:
            if write_rate == 1.0:
                fk[j] = wk[token]
                fv[j] = wv[token]
                fx[j] = 0.0
                fx[j, token] = 1.0
            else:
                for i in range(fk.shape[1]):
                    fk[j, i] += write_rate * (wk[token, i] - fk[j, i])
                for i in range(2):
                    fv[j, i] += write_rate * (wv[token, i] - fv[j, i])
                for i in range(fx.shape[1]):
                    fx[j, i] -= write_rate * fx[j, i]
                fx[j, token] += write_rate


@kernel(**_OPTIONS)
def _fresh(rng, projected, fk, fv, fx):
    """Initial fast weights of a sequence."""
    for j in range(fk.shape[0]):
        for i in range(fk.shape[1]):
            fk[j, i] = 0.0 if projected else 0.5 * rng.random()
        for i in range(2):
            fv[j, i] = rng.random()
        for i in range(fx.shape[1]):
            fx[j, i] = rng.random()


@kernel(**_OPTIONS)
def _attend(query, fk, a):
    for j in range(a.size):
        a[j] = _dot(fk[j], query)
    _softmax(a)


@kernel(**_OPTIONS)
def _mix(a, rows, out):
    """sum_j a_j rows_j, into out."""
    out[:] = 0.0
    for j in range(a.size):
        for i in range(out.size):
            out[i] += a[j] * rows[j, i]


@kernel(**_OPTIONS)
def _through_memory(wk, x, fk, fv, y, gk):
    """Gradient of W_K through the memory: reinstate the key of the reinstated item x, and read its value."""
    key, a, out = np.zeros(wk.shape[1]), np.empty(fk.shape[0]), np.empty(2)
    _mix(x, wk, key)
    _attend(key, fk, a)
    _mix(a, fv, out)
    d = np.empty(a.size)
    for j in range(a.size):
        d[j] = (out[0] - y[0]) * fv[j, 0] + (out[1] - y[1]) * fv[j, 1]
    _back(a, d)
    _mix(d, fk, key)
    for t in range(x.size):
        for i in range(key.size):
            gk[t, i] += 2.0 * key[i] * x[t]


@kernel(**_OPTIONS)
def memory_batch(
    rng, batch, letters, context, hidden, projected, rule, ensemble, wq, wk, wv, gq, gk, gv, second, cross
):  # fmt: skip
    """A batch of an MHN-transformer: adds to the gradients, returns (correct, loss of y_hat, loss of y_tilde).

    ``ensemble`` is (winners, write rate, projection) of :func:`write_ensembles`; 0 winners: :func:`write_context`.
    For query-key alignment ``second`` collects sum x x^T (tokens, tokens) and ``cross`` row q sum of x at query q.
    """
    tokens, keys = wq.shape
    items, order = np.empty(context, np.int64), np.empty(letters, np.int64)
    fk, fv, fx = np.empty((hidden, keys)), np.empty((hidden, 2)), np.empty((hidden, tokens))
    a, d = np.empty(hidden), np.empty(hidden)
    x, back, y, out, again = np.empty(tokens), np.empty(tokens), np.empty(2), np.empty(2), np.empty(2)
    gradient = np.empty(keys)
    winners, write_rate, project = ensemble
    drive, won = np.empty(hidden), np.empty(winners, np.int64)
    correct, loss, loss_again = 0, 0.0, 0.0
    for _ in range(batch):
        query, upper = draw(rng, letters, order, items)
        y[0], y[1] = (0.0, 1.0) if upper else (1.0, 0.0)
        _fresh(rng, projected, fk, fv, fx)
        if winners == 0:
            write_context(items, wk, wv, projected, fk, fv, fx)
        else:
            write_ensembles(items, wk, wv, project, winners, write_rate, fk, fv, fx, drive, won)
        _attend(wq[query], fk, a)
        _mix(a, fv, out)
        _mix(a, fx, x)
        _mix(x, wv, again)
        correct += (out[1] > out[0]) == upper
        loss += (out[0] - y[0]) ** 2 + (out[1] - y[1]) ** 2
        e0, e1 = again[0] - y[0], again[1] - y[1]
        loss_again += e0 * e0 + e1 * e1
        for t in range(tokens):
            gv[t, 0] += 2.0 * e0 * x[t]
            gv[t, 1] += 2.0 * e1 * x[t]
            back[t] = wv[t, 0] * e0 + wv[t, 1] * e1
        for j in range(hidden):
            d[j] = _dot(fx[j], back)
        _back(a, d)
        _mix(d, fk, gradient)
        for i in range(keys):
            gq[query, i] += 2.0 * gradient[i]
        if rule == MEMORY:
            _through_memory(wk, x, fk, fv, y, gk)
        elif rule == ALIGNMENT:
            for s in range(tokens):
                cross[query, s] += x[s]
                for t in range(tokens):
                    second[s, t] += x[s] * x[t]
    return correct, loss / batch, loss_again / batch


@kernel(**_OPTIONS)
def softmax_batch(rng, batch, letters, context, published, wq, wk, wv, gq, gk, gv):
    """A batch of the baseline transformer; ``published``: with the authors' gradient, else the true one."""
    keys = wq.shape[1]
    scale = 1.0 / np.sqrt(keys)
    items, order = np.empty(context, np.int64), np.empty(letters, np.int64)
    raw, a, w, g = np.empty(context), np.empty(context), np.empty(context), np.empty(context)
    y, out = np.empty(2), np.empty(2)
    correct, loss = 0, 0.0
    for _ in range(batch):
        query, upper = draw(rng, letters, order, items)
        y[0], y[1] = (0.0, 1.0) if upper else (1.0, 0.0)
        for j in range(context):
            raw[j] = _dot(wq[query], wk[items[j]])
            a[j] = scale * raw[j]
        _softmax(a)
        out[:] = 0.0
        for j in range(context):
            out[0] += a[j] * wv[items[j], 0]
            out[1] += a[j] * wv[items[j], 1]
        correct += (out[1] > out[0]) == upper
        e0, e1 = out[0] - y[0], out[1] - y[1]
        loss += e0 * e0 + e1 * e1
        w[:] = raw if published else a
        if published:
            _softmax(w)
        factor = 2.0 if published else 2.0 * scale
        for j in range(context):
            g[j] = e0 * wv[items[j], 0] + e1 * wv[items[j], 1]
            gv[items[j], 0] += 2.0 * e0 * w[j]
            gv[items[j], 1] += 2.0 * e1 * w[j]
        _back(w, g)
        for j in range(context):
            for i in range(keys):
                gq[query, i] += factor * g[j] * wk[items[j], i]
                gk[items[j], i] += factor * g[j] * wq[query, i]
    return correct, loss / batch


@kernel(**_OPTIONS)
def _descend(weights, gradient, rate):
    for t in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            weights[t, i] -= rate * gradient[t, i]
            gradient[t, i] = 0.0


@kernel(**_OPTIONS)
def _align(wk, wq, second, cross, gk):
    """2 sum (W_K x - q) x^T with the present W_Q, from the sums that the batch collected; resets them."""
    tokens, keys = wk.shape
    for t in range(tokens):
        for s in range(tokens):
            for i in range(keys):
                gk[t, i] += 2.0 * (second[s, t] * wk[s, i] - cross[s, t] * wq[s, i])
    second[:] = 0.0
    cross[:] = 0.0


@kernel(**_OPTIONS)
def _record(wq, wk, wv, letters, similarity, values):
    """Mean on- and off-diagonal of upper/lower keys, query/lower and query/upper; and W_V."""
    for which in range(3):
        on, off = 0.0, 0.0
        for s in range(letters):
            for t in range(letters):
                if which == 0:
                    dot = _dot(wk[letters + s], wk[t])
                elif which == 1:
                    dot = _dot(wq[2 * letters + s], wk[t])
                else:
                    dot = _dot(wq[2 * letters + s], wk[letters + t])
                if s == t:
                    on += dot
                else:
                    off += dot
        similarity[which, 0] = on / letters
        similarity[which, 1] = off / max(letters * (letters - 1), 1)
    values[:] = wv


@kernel(**_OPTIONS)
def train_trial(
    rng, batch, letters, context, hidden, projected, rule, ensemble, published, rate, key_rate, value_rate, every, wq,
    wk, wv, accuracy, loss, loss_again, similarity, values,
):  # fmt: skip
    """Train one model in place; ``rule`` < 0 is the baseline. Fills the records, the last five arguments."""
    tokens, keys = wq.shape
    gq, gk, gv = np.zeros((tokens, keys)), np.zeros((tokens, keys)), np.zeros((tokens, 2))
    second, cross = np.zeros((tokens, tokens)), np.zeros((tokens, tokens))
    for step in range(accuracy.size):
        if step % every == 0:
            _record(wq, wk, wv, letters, similarity[step // every], values[step // every])
        if rule < 0:
            correct, loss[step] = softmax_batch(rng, batch, letters, context, published, wq, wk, wv, gq, gk, gv)
            loss_again[step] = loss[step]
        else:
            correct, loss[step], loss_again[step] = memory_batch(
                rng, batch, letters, context, hidden, projected, rule, ensemble, wq, wk, wv, gq, gk, gv, second, cross
            )
        accuracy[step] = correct / batch
        _descend(wq, gq, rate)
        _descend(wv, gv, value_rate)
        if rule == ALIGNMENT:
            _align(wk, wq, second, cross, gk)
        _descend(wk, gk, key_rate)
    _record(wq, wk, wv, letters, similarity[-1], values[-1])


@kernel(**_OPTIONS)
def answer_trial(rng, number, letters, context, hidden, projected, ensemble, dead, wq, wk, wv):
    """Share of ``number`` random sequences answered right after ``dead`` random units fell silent, items written."""
    tokens, keys = wq.shape
    items, order = np.empty(context, np.int64), np.empty(letters, np.int64)
    fk, fv, fx = np.empty((hidden, keys)), np.empty((hidden, 2)), np.empty((hidden, tokens))
    winners, write_rate, project = ensemble
    drive, won = np.empty(hidden), np.empty(winners, np.int64)
    a, out, unit, correct = np.empty(hidden), np.empty(2), np.arange(hidden), 0
    for _ in range(number):
        query, upper = draw(rng, letters, order, items)
        _fresh(rng, projected, fk, fv, fx)
        write_ensembles(items, wk, wv, project, winners, write_rate, fk, fv, fx, drive, won)
        for j in range(hidden):
            a[j] = _dot(fk[j], wq[query])
        for i in range(dead):
            j = i + int(rng.random() * (hidden - i))
            unit[i], unit[j] = unit[j], unit[i]
            a[unit[i]] = -1e300
        _softmax(a)
        _mix(a, fv, out)
        correct += (out[1] > out[0]) == upper
    return correct / number
