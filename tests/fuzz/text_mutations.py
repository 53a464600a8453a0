"""Damaged texts: chip profiles, learning rules, names, and lines of text."""

from __future__ import annotations

import random
import re

from .bytes_mutations import damage

#: What stands in the place of a value of a TOML file.
_TOML = (
    *("1", "-1", "0", "2.5", "nan", "inf", "-inf", "1e400", "1" + "0" * 400, "0x1" + "0" * 5000, "1" * 5000, "true"),
    *('""', '"x"', '"[/x]"', '"\\u001b[2J"', '"unknown"', '"included"', '"nothing"', "1979-05-27", "07:32:00"),
    *(
        "1979-05-27T07:32:00Z",
        "[]",
        "[1, 2]",
        "[[1]]",
        "[[1, 2]]",
        "[[1, 2], [1, 3]]",
        "[[1, true]]",
        "{}",
        "{ a = 1 }",
    ),
    *(
        "[" * 2000 + "]" * 2000,
        "[[[[[1]]]]]",
        "'''a\nb'''",
        '"' + "x" * 5000 + '"',
        '["nJ"]',
        '"pJ"',
        '"ns"',
        '"tiles"',
    ),
    *('{ value = 1, unit = "pJ", kind = "assumed", source = "me" }', '{ value = "unknown" }', '"synaptic_event"'),
)
_KEYS = (
    *("value", "unit", "kind", "source", "note", "low", "high", "within", "lookup", "title", "routing", "energy"),
    *("packet", "tiles_x", "cores_per_tile", "barrier", "neurons_per_core", "a.b.c", '"a\\u001b[2J"', '"__class__"'),
    *("sources", "not_modelled", ".".join("a" * 300), '""', "colour"),
)
#: Tokens of learning rules, right and wrong.
_RULE = (
    *("x0", "y0", "x1", "x2", "y1", "y2", "y3", "w", "d", "t", "u", "u3", "sgn(w)", "(w+3)", "(x1-7)", "2^-2", "2^7"),
    *("3", "-1", "64", "*", "*", "*", "+", "-", "(", ")", "sgn", "sgn(", "2^", "2^99999", "9" * 400, "x9", "٣", "²"),
    *("\n", "\r", "\0", " ", "", "#", "'''", "e", "1.5", "(((((", "x1*x1*x1*x1", "u9", "\ud800"),
)
_RULES = ("2^-2*y0*x1 - 2^-2*y0*w", "x0*y1", "u4*sgn(w)*(w-3)", "-3*2^-4*y0*(x1+2) + x0*w", "y0*x1*x2*w - 2*y0*t")
#: Names that end a text, a page, a path or a terminal's line where they are not quoted.
_NAMES = (
    *(
        'a"""; import os; """',
        "a'''; __import__('os').abort(); '''",
        "a\\",
        "a\nb",
        "a\rb",
        "a\0b",
        "\x1b[2J",
        "\ud800",
    ),
    *("[/x]", "[bold]", "{0.__class__}", "%s%(x)s", "$\\frac{$", "<script>alert(1)</script>", "&amp;", "../../x", "/"),
    *(
        "",
        " ",
        ".",
        "..",
        "file",
        "allow_pickle",
        "self",
        "class",
        "None",
        "__init__",
        "input",
        "output",
        "node",
        "x" * 999,
    ),
    *(
        "x" * 5000,
        "é",
        "e\u0301",
        "\u202eabc",
        "\ufeffa",
        "😀",
        "a->b",
        "a.b",
        "steps",
        "np",
        "p",
        "run",
        "=cmd()",
        "#",
    ),
)


def _values(text: str) -> list[tuple[int, int]]:
    """Where values stand in a TOML text."""
    found = re.finditer(r"= *(\[[^\n]*?\](?=,|\n| })|\"[^\"\n]*\"|[-\w.+]+)", text)
    return [match.span(1) for match in found]


def mutate_toml(rng: random.Random, text: str) -> bytes:
    """A damaged chip profile."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        kind = rng.choice(["value", "value", "value", "value", "key", "drop", "twice", "head", "swap", "insert"])
        spans = _values(text)
        if kind == "value" and spans:
            start, end = rng.choice(spans)
            text = text[:start] + rng.choice(_TOML) + text[end:]
        elif kind == "swap" and len(spans) > 1:
            (a, b), (c, d) = sorted(rng.sample(spans, 2))
            text = text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
        elif kind == "key":
            keys = [match.span(1) for match in re.finditer(r"(\w+) *=", text)]
            start, end = rng.choice(keys or [(0, 0)])
            text = text[:start] + rng.choice(_KEYS) + text[end:]
        elif kind == "insert":
            lines.insert(at, f"{rng.choice(_KEYS)} = {rng.choice(_TOML)}")
            text = "\n".join(lines)
        elif kind == "head":
            lines.insert(
                at, rng.choice(["[energy]", "[time]", "[x]", "[[energy]]", "[a" + ".a" * 500 + "]", "[", "[geometry]"])
            )
            text = "\n".join(lines)
        else:
            text = "\n".join(lines[:at] + (lines[at : at + 1] * 2 if kind == "twice" else []) + lines[at + 1 :])
    data = text.encode("utf-8", "surrogatepass")
    return damage(rng, data) if rng.random() < 0.15 else data


def make_rule(rng: random.Random) -> bytes:
    """A learning rule, right, damaged, or put together from tokens."""
    kind = rng.choice(["tokens", "edit", "edit", "long"])
    if kind == "tokens":
        text = "".join(rng.choice(_RULE) for _ in range(rng.randint(0, 12)))
    elif kind == "long":
        text = rng.choice(["+", "*", "", " - "]).join([rng.choice([*_RULES, *_RULE])] * rng.choice([2, 20, 400]))
    else:
        text = rng.choice(_RULES)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(_RULE) + text[at + rng.choice([0, 1, 1, 2]) :]
    return text.encode("utf-8", "surrogatepass")


def make_name(rng: random.Random) -> bytes:
    """A name for a population, a file or a title."""
    parts = [rng.choice(_NAMES) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    if rng.random() < 0.4:
        parts.append(
            "".join(
                chr(rng.choice([rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000)])) for _ in range(3)
            )
        )
    return "".join(parts).encode("utf-8", "surrogatepass")


def make_lines(rng: random.Random) -> bytes:
    """Lines of text as a user stores them, some of them odd."""
    words = [
        "a",
        "rose",
        "by",
        "any",
        "other",
        "name",
        "é",
        "😀",
        "\x1b[1m",
        "[/x]",
        "\u2028",
        "\t",
        "x" * 300,
        "ﬁ",
        "\u0301",
    ]
    lines = [
        " ".join(rng.choice(words) for _ in range(rng.choice([0, 1, 3, 8]))) for _ in range(rng.choice([0, 1, 2, 30]))
    ]
    data = rng.choice(["\n", "\r\n", "\r", "\n\n"]).join(lines).encode()
    if rng.random() < 0.2:
        data = rng.choice([b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"\x80", "x".encode("utf-16"), b"y" * 20_000]) + data
    return damage(rng, data) if rng.random() < 0.3 else data
