"""Encoders: exact sparsity, meaning kept both ways, what a memory makes of the patterns, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snmem.encode import (
    ImageEncoder,
    TextEncoder,
    VectorEncoder,
    default_encoder,
    load_digits,
    load_text,
    load_vectors,
    load_verses,
    recommended_config,
    replace_characters,
)
from snmem.errors import FileError, InputError
from snmem.memory import KWinnerMemory


@pytest.fixture(scope="module")
def digits():
    return load_digits()[0]


@pytest.fixture(scope="module")
def digit_encoder(digits):
    return default_encoder("images", digits[797:])


def half_cues(patterns, seed):
    rng = np.random.default_rng(seed)
    out = np.zeros_like(patterns)
    for cue, pattern in zip(out, patterns, strict=True):
        cue[rng.choice(np.flatnonzero(pattern), pattern.sum() // 2, replace=False)] = True
    return out


def identified(recalled, stored, newest):
    best = (recalled.astype(int) @ stored.T.astype(int)).argmax(axis=1)
    return (best == np.arange(len(stored) - newest, len(stored))).mean()


def correlation(a, b):
    return np.mean([np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)])


def test_bundled_digits_are_the_published_test_set(digits):
    labels = load_digits()[1]
    assert digits.shape == (1797, 8, 8)
    assert (digits.min(), digits.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_memory_identifies_digits_it_stored_and_no_others(digits, digit_encoder):
    """300 digits one-shot, the newest 50 from half of their ones (mean similarity of the patterns 0.12)."""
    patterns = digit_encoder.encode(digits[:500])
    stored, never = patterns[:300], patterns[300:]
    memory = KWinnerMemory(recommended_config("images"), 1)
    memory.store(stored)
    newest = stored[-50:]
    recalled = memory.recall(half_cues(newest, 1))
    assert identified(recalled, stored, 50) >= 0.94
    bits = (recalled & newest).sum() / newest.sum()
    bits_never = (memory.recall(half_cues(never, 2)) & never).sum() / never.sum()
    assert bits > bits_never + 0.17
    assert correlation(digit_encoder.decode(recalled), digits[250:300]) > 0.93


def test_digits_of_the_same_person_and_shape_stay_apart(digits, digit_encoder):
    patterns = digit_encoder.encode(digits[:300]).astype(float)
    similarity = patterns @ patterns.T / 100
    assert similarity[np.triu_indices(300, 1)].mean() < 0.13
    pixels = digits[:300].reshape(300, -1) / 16
    pixels = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    assert (pixels @ pixels.T)[np.triu_indices(300, 1)].mean() > 0.5  # what encoding has to undo


def test_noisy_image_is_still_nearest_to_itself(digits, digit_encoder):
    noise = np.random.default_rng(0).normal(0, 2, (50, 8, 8))
    patterns, noisy = digit_encoder.encode(digits[:300]), digit_encoder.encode(digits[250:300] + noise)
    assert identified(noisy, patterns, 50) >= 0.98
    assert (patterns[250:] & noisy).sum() / noisy.sum() > 0.45  # chance is 0.1


def test_new_images_decode_to_what_they_are(digits, digit_encoder):
    decoded = digit_encoder.decode(digit_encoder.encode(digits[:200]))
    assert decoded.shape == (200, 8, 8)
    assert decoded.min() >= 0
    assert decoded.max() <= 16
    assert correlation(decoded, digits[:200]) > 0.95


def test_more_pixels_than_images():
    rng = np.random.default_rng(0)
    images = rng.random((30, 40, 50))
    encoder = ImageEncoder(500, 40).fit(images)
    patterns = encoder.encode(images)
    assert (patterns.sum(axis=1) == 40).all()
    assert correlation(encoder.decode(patterns), images) > 0.9


@pytest.mark.parametrize("replaced", [0.1, 0.2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_memory_completes_lines_of_verse(seed, replaced):
    lines = [load_verses()[i] for i in np.random.default_rng(seed).permutation(224)[:200]]
    encoder = default_encoder("text", lines)
    memory = KWinnerMemory(recommended_config("text"), seed)
    memory.store(encoder.encode(lines))
    damaged = replace_characters(lines[-50:], replaced, seed)
    assert all(a != b for a, b in zip(damaged, lines[-50:], strict=True))
    found = encoder.decode(memory.recall(encoder.encode(damaged)))
    assert np.mean([a == b for a, b in zip(found, lines[-50:], strict=True)]) >= 0.96


def completed(lines):
    """Share of the last 50 lines that a memory of all completes where a fifth of their characters is replaced."""
    encoder = default_encoder("text", lines)
    memory = KWinnerMemory(recommended_config("text"), 0)
    memory.store(encoder.encode(lines))
    found = encoder.decode(memory.recall(encoder.encode(replace_characters(lines[-50:], 0.2, 0))))
    return np.mean([a == b for a, b in zip(found, lines[-50:], strict=True)])


def test_memory_completes_short_lines():
    words = sorted({w.strip(".,;:!?'").lower() for line in load_verses() for w in line.split()})
    words = [w for w in words if len(w) >= 6]
    words = [words[i] for i in np.random.default_rng(0).permutation(len(words))[:200]]
    assert completed(words) >= 0.9


def test_memory_completes_lines_that_are_much_alike():
    lines = [
        f"2026-11-{i % 28 + 1:02d},sensor {i % 7},{i * 7919 % 1000 / 10:.1f},{i * 104729 % 977}" for i in range(200)
    ]
    assert completed(lines) >= 0.94


def test_text_patterns_follow_the_text():
    encoder = TextEncoder()
    base, shifted, other, case = encoder.encode(
        [
            "shall i compare thee to a summer's day?",
            "shall i compare thee to a  summer's day?",
            "thou art more lovely and more temperate:",
            "Shall I compare thee to a summer's Day?",
        ]
    )
    shared = [(base & p).sum() / 100 for p in (shifted, other, case)]
    assert shared[0] > 0.6
    assert shared[1] < 0.3
    assert shared[2] > 0.95


def test_text_patterns_are_the_same_on_every_machine():
    pattern = TextEncoder(64, 6).encode(["Grüße, ὦ φίλε"])[0]
    assert np.flatnonzero(pattern).tolist() == [7, 10, 17, 25, 48, 55]


def test_very_short_lines_do_not_collapse():
    patterns = TextEncoder().encode(list("abcdefgh")).astype(int)
    similarity = patterns @ patterns.T / 100
    assert similarity[np.triu_indices(8, 1)].max() < 0.45


@pytest.mark.parametrize(("clusters", "spread", "length"), [(0, 1.0, 64), (10, 0.3, 64), (10, 0.1, 16), (0, 1.0, 3)])
def test_memory_identifies_random_and_clustered_vectors(clusters, spread, length):
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((max(clusters, 1), length)) * (clusters > 0)
    vectors = centres[rng.integers(0, len(centres), 300)] + spread * rng.standard_normal((300, length))
    encoder = default_encoder("vectors", vectors)
    patterns = encoder.encode(vectors)
    memory = KWinnerMemory(recommended_config("vectors"), 1)
    memory.store(patterns)
    recalled = memory.recall(half_cues(patterns[-50:], 1))
    assert identified(recalled, patterns, 50) >= 0.96
    assert correlation(encoder.decode(patterns), vectors) > 0.9


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(1, 12), st.integers(10, 80), st.data())
def test_vector_patterns_are_k_hot_and_repeatable(rows, length, size, data):
    active = data.draw(st.integers(1, size))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    vectors = rng.standard_normal((rows, length)) * data.draw(st.sampled_from([1e-6, 1.0, 1e6]))
    encoder = VectorEncoder(size, active).fit(vectors)
    patterns = encoder.encode(vectors)
    assert patterns.shape == (rows, size)
    assert patterns.dtype == bool
    assert (patterns.sum(axis=1) == active).all()
    assert np.array_equal(patterns, VectorEncoder(size, active).fit(vectors).encode(vectors))
    assert np.isfinite(encoder.decode(patterns)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5), st.integers(1, 60))
def test_any_text_gives_k_hot_patterns(lines, active):
    encoder = TextEncoder(60, active).fit(lines)
    patterns = encoder.encode(lines)
    assert (patterns.sum(axis=1) == active).all()
    assert encoder.decode(patterns)[0] in lines


def test_length_of_a_vector_counts():
    rng = np.random.default_rng(0)
    encoder = VectorEncoder().fit(rng.standard_normal((200, 2)))
    one, two = encoder.encode([[1.0, 1.0], [2.0, 2.0]])
    assert (one & two).sum() < 90


def test_reads_text_one_memory_a_line(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffÉté \r\n\r\n  two\tparts\nÉté\nlast".encode())
    assert load_text(path) == ["Été", "two\tparts", "last"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Été\n".encode("latin-1"), r"not UTF-8 text \(byte 0xc9 at position 0\); convert it"),
        (b"", "no line with characters"),
        (b"  \n\n", "no line with characters"),
        (b"abc\x00def", "NUL"),
        (None, "no such file"),
    ],
)
def test_unusable_text_files_are_refused(tmp_path, content, message):
    path = tmp_path / "lines.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        load_text(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(FileError, match="is a folder, expected a regular file; give a text file"):
        load_text(tmp_path)
    with pytest.raises(FileError, match=r"is a folder, expected a regular file; give an \.npy file"):
        load_vectors(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n" * 3_000_000, "has 6000000 bytes, the limit is 4194304; give a text file"),
        ("x" * 10_001, "has 1 lines, the longest of 10001 characters; the limits are"),
        ("\n".join(map(str, range(100_001))), "has 100001 lines"),
        ("a\0b", "holds NUL characters"),
        ("\n \n", "holds no line with characters"),
    ],
)
def test_texts_have_limits(text, words, tmp_path):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(FileError, match=words):
        load_text(tmp_path / "t.txt")


@pytest.mark.parametrize("scale", [1e-300, 1e-120, 1e120, 1e300, 1.7e308])
def test_vectors_whose_squares_leave_float64_are_refused(scale):
    vectors = np.random.default_rng(0).uniform(-1, 1, (20, 4)) * scale
    with pytest.raises(InputError, match=r"values lie up to .* from their mean, the limits are 1e-100 and 1e\+100"):
        VectorEncoder(50, 5).fit(vectors)
    VectorEncoder(50, 5).fit(np.clip(vectors, -1e90, 1e90) if scale > 1 else vectors / scale * 1e-90)


def test_vectors_of_a_file_have_limits(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((2**26 + 1, 1), np.int8))
    with pytest.raises(FileError, match="has 67108865 numbers, the limit is 67108864"):
        load_vectors(tmp_path / "v.npy")
    np.save(tmp_path / "v.npy", np.zeros((1_000_001, 1), np.int8))
    with pytest.raises(FileError, match="holds 1000001 vectors, the limit is 1000000"):
        load_vectors(tmp_path / "v.npy")


def test_reads_vectors(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.arange(6, dtype=np.int16).reshape(3, 2))
    vectors = load_vectors(path)
    assert vectors.dtype == np.float64
    assert vectors.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), r"2 value\(s\) are NaN or infinite, the first at \(0, 1\)"),
        (np.arange(3.0), r"expected 2 axes \(n, d\), got shape \(3,\)"),
        (np.zeros((2, 3, 4)), r"got shape \(2, 3, 4\)"),
        (np.zeros((0, 3)), "is empty"),
        (np.array([["a", "b"]]), "expected real numbers, got dtype <U1"),
        (np.ones((2, 2), complex), "complex128"),
    ],
)
def test_unusable_vectors_are_refused(tmp_path, array, message):
    path = tmp_path / "v.npy"
    np.save(path, array)
    with pytest.raises(InputError, match=message) as caught:
        load_vectors(path)
    assert str(path) in str(caught.value)


def test_unusable_vector_files_are_refused(tmp_path):
    path = tmp_path / "v.npy"
    for write in (
        lambda: np.save(path, np.array([{}, None], dtype=object), allow_pickle=True),
        lambda: path.write_bytes(b"not numpy"),
        lambda: path.write_bytes(b""),
        lambda: np.savez(path.open("wb"), a=np.zeros((2, 2))),
    ):
        write()
        with pytest.raises(FileError, match=r"v\.npy"):
            load_vectors(path)
    np.save(path, np.zeros((50, 4)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(FileError, match=r"declares 1600 bytes .* but the file holds 1592"):
        load_vectors(path)


def test_wrong_items_are_refused(digits, digit_encoder):
    fitted = VectorEncoder(50, 5).fit(np.eye(4))
    for call, message in (
        (lambda: ImageEncoder().encode(digits), "not fitted"),
        (lambda: VectorEncoder().decode(np.zeros((1, 1000))), "not fitted"),
        (lambda: TextEncoder().decode(np.zeros((1, 1000))), "not fitted"),
        (lambda: digit_encoder.encode(digits[:, :4]), r"height x width = \(8, 8\) as fitted, got \(4, 8\)"),
        (lambda: ImageEncoder().fit(digits[0]), "expected 3 axes"),
        (lambda: ImageEncoder().fit(np.ones((5, 8, 8))), r"all 5 image\(s\) are equal"),
        (lambda: VectorEncoder().fit(np.ones((5, 8))), r"all 5 row\(s\) are equal"),
        (lambda: fitted.encode(np.eye(5)), "expected length d = 4 as fitted, got 5"),
        (lambda: fitted.decode(np.zeros((1, 49))), r"size = 50\), got \(1, 49\)"),
        (lambda: fitted.decode(np.full((1, 50), 0.5)), "other than 0 and 1"),
        (lambda: TextEncoder().encode("one text"), "one text instead of a list"),
        (lambda: TextEncoder().encode([]), "is empty"),
        (lambda: TextEncoder().encode(["a", ""]), "item 1 is ''"),
        (lambda: TextEncoder().encode(["a", 3]), "item 1 is 3"),
        (lambda: TextEncoder(10, 11), "at most size = 10, got 11"),
        (lambda: TextEncoder(10, 0), "at least 1, got 0"),
        (lambda: TextEncoder(grams=()), "grams"),
        (lambda: VectorEncoder(smoothing=0.0), "smoothing: must be positive"),
        (lambda: default_encoder("sound", []), "kind of data 'sound' is unknown; use one of vectors, images, text"),
        (lambda: replace_characters(["a"], 1.5), r"\[0, 1\], got 1\.5"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_replaces_the_share_asked_for():
    lines = load_verses()
    for share in (0.0, 0.2, 1.0):
        for before, after in zip(lines, replace_characters(lines, share, 1), strict=True):
            differing = sum(a != b for a, b in zip(before, after, strict=True))
            assert differing == round(share * len(before))
    assert replace_characters(lines, 0.2, 1) == replace_characters(lines, 0.2, 1)
