"""The compiled loop that draws events (method: :mod:`.poisson`)."""

from __future__ import annotations

import numpy as np

from .._hash import mix
from .._jit import inner, kernel

#: What a draw that is always kept is compared with.
_ALWAYS = np.uint64(0xFFFFFFFFFFFFFFFF)


@inner(inline="always")
def _count(h, thresholds, low, high, guide):
    """How many of the thresholds low .. high-1 a hash reaches; ``guide`` by its first byte says how many it does."""
    k = low + guide[h >> np.uint64(56)]
    while k < high and h >= thresholds[k]:
        k += 1
    return k - low


@inner
def _places(table, g, own):
    """Of the places of a group, the first whose line is not before ``own``, and the first whose line is behind it."""
    lines = table.lines[table.first[g] : table.first[g + 1]]
    return np.searchsorted(lines, own[0]), np.searchsorted(lines, own[1])


@inner
def _draw_lines(table, g, key, t, own, number, seen, when, step, line, value, n):
    """Blocks of one line each, all of them kept: events straight into the arrays; returns their new number."""
    first, count = table.first[g], table.first[g + 1] - table.first[g]
    begin, end = _places(table, g, own)
    low, high, guide, base = table.at[g], table.at[g + 1], table.guide[g], np.uint64(t) * np.uint64(count)
    for k in range(begin, end):
        many = _count(mix(key, base + np.uint64(k)), table.thresholds, low, high, guide)
        i = table.lines[first + k] - own[0]
        step[n], line[n], value[n] = when, number + i, many
        seen[i] += many > 0
        n += many > 0
    return n


@inner
def _draw_group(table, g, key, t, own, several, counts, words, taken):
    """Add the events of a group in step t to the counts of those of its lines that are asked for."""
    first, count, bits = table.first[g], table.first[g + 1] - table.first[g], table.bits[g]
    low, high, guide = table.at[g], table.at[g + 1], table.guide[g]
    blocks, (begin, end) = (count + (1 << bits) - 1) >> bits, _places(table, g, own)
    marks, base = mix(key, np.uint64(0xFFFFFFFFFFFFFFFF)), np.uint64(t) * np.uint64(blocks)
    for b in range(begin >> bits, (end + (1 << bits) - 1) >> bits):
        many = _count(mix(key, base + np.uint64(b)), table.thresholds, low, high, guide)
        if many == 0:
            continue
        place, k, found = mix(marks, base + np.uint64(b)), 0, 0
        while found < many:
            slot = np.int64(mix(place, 2 * k) >> np.uint64(64 - bits)) if bits else 0
            k += 1
            again = False
            if not several:  # another draw for a line that has its event
                for j in range(found):
                    again = again or taken[j] == slot
                taken[found] = slot
            if again:
                continue
            found += 1
            at = (b << bits) + slot
            if at < begin or at >= end or mix(place, 2 * k - 1) > table.keep[first + at]:
                continue
            i = table.lines[first + at] - own[0]
            counts[i] += np.uint32(1)
            words[i >> 6] |= np.uint64(1) << np.uint64(i & 63)


@inner
def _collect(counts, words, number, seen, when, step, line, value, n):
    """Move the counts that are not 0 to the arrays, in the order of the lines; returns the new number of events."""
    for w in range(words.size):
        if words[w] == 0:
            continue
        for i in range(w * 64, w * 64 + 64):
            if counts[i]:
                step[n], line[n], value[n] = when, number + i, counts[i]
                counts[i] = 0
                seen[i] += 1
                n += 1
        words[w] = 0
    return n


@inner
def _steps(sources, start, stop, shift, counts, words, taken, seen, step, line, value, n):
    table, t = sources.table, start
    while t < stop and n + counts.size < step.size:
        when = t + shift
        for s in range(sources.own.shape[0]):
            low, high, own, number = sources.group[s], sources.group[s + 1], sources.own[s], sources.line[s]
            begin, end = sources.place[s], sources.place[s + 1]
            if high == low + 1 and table.bits[low] == 0 and table.keep[table.first[low]] == _ALWAYS:
                key = sources.key[low]
                n = _draw_lines(table, low, key, t, own, number, seen[begin:], when, step, line, value, n)
                continue
            mine, marks = counts[begin:end], words[begin >> 6 : end >> 6]
            for g in range(low, high):
                _draw_group(table, g, sources.key[g], t, own, sources.several[s], mine, marks, taken)
            n = _collect(mine, marks, number, seen[begin:], when, step, line, value, n)
        t += 1
    return n, t


@kernel
def draw_steps(sources, start, stop, shift, counts, words, taken, seen, step, line, value, n):
    """Draw the events of steps from ``start`` on into the arrays, from place n on, as long as these have room.

    Steps are numbered ``shift`` higher; ``seen`` counts the steps in which each line has events.

    Returns the place behind the last event, and the step before which it stopped.
    """
    return _steps(sources, start, stop, shift, counts, words, taken, seen, step, line, value, n)
