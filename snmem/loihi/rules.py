r"""Learning rules in the grammar of Loihi's learning engine: sums of products, read from text and checked.

.. math:: \Delta w = \sum_i S_i\, D_i \prod_j F_{ij}

``S`` is a scaling constant mantissa * 2^exponent; ``D`` a dependency: ``x0`` (the presynaptic neuron spiked in this
step), ``y0`` (the postsynaptic one, or the population that gates), ``u`` or ``u<k>`` (every step, every 2^k steps);
each ``F`` a trace ``x1 x2 y1 y2 y3``, a synaptic variable ``w d t``, one of them plus or minus a whole number in
brackets, or ``sgn(w)``. Example, an instar rule of rate 1/4: ``2^-2*y0*x1 - 2^-2*y0*w``.

Constants may be decimals: ``0.25*y0*x1 - 0.25*y0*w``. A rule with one that is no mantissa times a power of 2 within
Loihi's ranges learns in floating point only.

Source: lava-nc 0.10.0, ``lava.magma.core.learning`` (ranges and grammar as found by running it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from .._text import shown
from ..errors import NetworkError

#: Bits of each kind of factor in Loihi's multiplications.
WIDTH = {"x0": 1, "y0": 1} | dict.fromkeys(("x1", "x2", "y1", "y2", "y3"), 7) | dict.fromkeys("wdt", 9)
#: Bits of the scaling constant and of the accumulator without its sign.
MANTISSA_BITS, ACCUMULATOR_BITS = 4, 15
MANTISSA, EXPONENT = (-8, 7), (-7, 8)
TRACES, SYNAPTIC = ("x1", "x2", "y1", "y2", "y3"), ("w", "d", "t")
#: Characters of a rule, digits of a whole number in it, and characters of a decimal, at most.
LONGEST, _DIGITS, _DECIMALS = 2_000, 9, 24
_TOKEN = re.compile(r"\s*(2\^-?\d+|\d*\.?\d+e-?\d{1,3}(?!\d)|\d*\.\d+|\d+|sgn|u\d?|[xy]\d|[wdt]|[-+*()])", re.ASCII)


@dataclass(frozen=True)
class Factor:
    """``variable + constant``, or its sign."""

    variable: str
    constant: int = 0
    sign: bool = False


@dataclass(frozen=True)
class Product:
    """``mantissa * 2**exponent * dependency * factors``; ``every``: the k of u<k>.

    ``decimal`` stands for mantissa and exponent where Loihi has none that are equal.
    """

    dependency: str
    factors: tuple[Factor, ...]
    mantissa: int
    exponent: int
    every: int = 0
    decimal: float | None = None

    @property
    def constant(self) -> float:
        """The scaling constant."""
        return self.mantissa * 2.0**self.exponent if self.decimal is None else self.decimal

    @property
    def shift(self) -> int:
        """Bits that Loihi's arithmetic shifts the product right, and does not shift back."""
        return max(0, sum(WIDTH[f.variable] for f in self.factors) + MANTISSA_BITS - ACCUMULATOR_BITS)


def parse(text: str, name: str = "dw") -> tuple[Product, ...]:
    """The products of a rule; NetworkError says what in ``text`` is wrong and what is allowed."""
    return _Parser(text, name).products()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        if not isinstance(text, str) or len(text) > LONGEST:
            what = f"{len(text):,} characters" if isinstance(text, str) else f"type {type(text).__name__}"
            raise NetworkError(f"learning rule {name}: must be a text of at most {LONGEST:,} characters, got {what}")
        self.where = f"learning rule {name} = {shown(text, 200)}"
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if not found:
                raise self.error(
                    f"cannot read {text[at:].strip()[:12]!r}; use numbers, 2^n, x0 x1 x2 y0 y1 y2 y3 u w d t, sgn"
                )
            if len(found[1].removeprefix("2^")) > (_DIGITS if found[1].isdigit() or "^" in found[1] else _DECIMALS):
                raise self.error(f"number {found[1][:12]}... has over {_DIGITS} digits; use smaller ones")
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0

    def error(self, what: str) -> NetworkError:
        return NetworkError(f"{self.where}: {what}")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise self.error(f"expected {' or '.join(wanted) or 'more'} but found {token or 'the end'!r}")
        self.at += 1
        return token

    def products(self) -> tuple[Product, ...]:
        found = [self.product(-1 if self._sign() else 1)]
        while self.peek():
            found.append(self.product(-1 if self.take("+", "-") == "-" else 1))
        every = {p.every for p in found if p.dependency == "u"}
        if len(every) > 1:
            raise self.error(f"has u{min(every)} and u{max(every)}; all products share one")
        return tuple(found)

    def _sign(self) -> bool:
        """Take a sign if there is one; whether it is a minus."""
        return self.peek() in ("+", "-") and self.take() == "-"

    def product(self, mantissa: int) -> Product:
        exponent, dependency, every, factors = 0, "", 0, []
        first, decimal = self.at, Fraction(1)
        while True:
            token = self.take()
            if token.startswith("2^"):
                exponent += int(token[2:])
            elif token.isdigit():
                mantissa *= int(token)
            elif _is_decimal(token):
                decimal *= Fraction(token)
            elif token[0] == "u":
                if dependency:
                    raise self.error(f"u beside {dependency}; a product has one of x0, y0 and u")
                dependency, every = "u", int(token[1:] or 0)
            elif token in ("x0", "y0") and not dependency:
                dependency = token
            elif token in ("sgn", "("):
                factor, flipped = self.bracket(token)
                mantissa *= -1 if flipped else 1
                factors.append(factor)
            elif token in WIDTH:
                factors.append(Factor(token))
            else:
                raise self.error(f"{token!r} is no factor")
            if self.peek() != "*":
                break
            self.take("*")
        text = "".join(self.tokens[first : self.at])
        if not dependency:
            raise self.error(f"product {shown(text)} depends on nothing; give it x0, y0 or u<k>")
        made = Product(dependency, tuple(factors), mantissa, exponent, every)
        return self._scaled(text, made) if decimal == 1 else self._decimal(text, made, decimal)

    def bracket(self, opened: str) -> tuple[Factor, bool]:
        """``(variable +- number)`` after its bracket or ``sgn``; the second result: a minus stands before it."""
        sign = opened == "sgn"
        if sign:
            self.take("(")
        variable, constant, minus = "", 0, False
        operator = "-" if self._sign() else "+"
        while True:
            token = self.take()
            if token in WIDTH and not variable:
                variable, minus = token, operator == "-"
            elif token.isdigit() or token.startswith("2^"):
                value = int(token) if token.isdigit() else 2.0 ** min(int(token[2:]), 99)
                if value != int(value) or value >= 2**31:
                    raise self.error(f"{token} in brackets must be a whole number below 2^31")
                constant += (-1 if operator == "-" else 1) * int(value)
            else:
                raise self.error(f"{token!r} in brackets; there may be one variable plus or minus a number")
            operator = self.take("+", "-", ")")
            if operator == ")":
                break
        if not variable:
            raise self.error("a bracket without a variable; multiply by the number itself")
        if sign and (variable not in SYNAPTIC or minus):
            raise self.error(f"sgn of {variable!r}; it takes w, d or t")
        return Factor(variable, -constant if minus else constant, sign), minus

    def _decimal(self, text: str, product: Product, decimal: Fraction) -> Product:
        """The product times ``decimal``: with a mantissa and exponent if Loihi has them, else with a decimal."""
        if abs(product.exponent) > 100:
            raise self.error(f"the constant of {shown(text)} has the exponent {product.exponent}; use a decimal alone")
        constant = product.mantissa * Fraction(2) ** product.exponent * decimal
        if constant and not Fraction(1, 10**300) <= abs(constant) <= 10**300:
            raise self.error(f"the constant of {shown(text)} is out of range; use one from 1e-300 to 1e300")
        for exponent in range(EXPONENT[1], EXPONENT[0] - 1, -1):
            mantissa = constant / Fraction(2) ** exponent
            if mantissa.denominator == 1 and MANTISSA[0] <= mantissa <= MANTISSA[1]:
                return replace(product, mantissa=int(mantissa), exponent=exponent)
        return replace(product, mantissa=0, exponent=0, decimal=float(constant))

    def _scaled(self, text: str, product: Product) -> Product:
        """The product with mantissa and exponent in range, as Lava normalises them."""
        mantissa, exponent = product.mantissa, product.exponent
        while abs(mantissa) > MANTISSA[1] and mantissa % 2 == 0 and exponent < EXPONENT[1]:
            mantissa, exponent = mantissa // 2, exponent + 1
        if not MANTISSA[0] <= mantissa <= MANTISSA[1]:
            raise self.error(
                f"the constant of {shown(text)} is {shown(product.mantissa, 40)} * 2^{product.exponent}; "
                f"mantissas lie in {MANTISSA[0]}..{MANTISSA[1]}: use a multiple of a power of 2"
            )
        if not EXPONENT[0] <= exponent <= EXPONENT[1]:
            raise self.error(
                f"the constant of {shown(text)} has the exponent {exponent}, the limits are {EXPONENT[0]}.."
                f"{EXPONENT[1]}; change the impulses of the traces instead"
            )
        return Product(product.dependency, product.factors, mantissa, exponent, product.every)


def plain_text(text: str, name: str = "dw") -> str:
    """The rule without line breaks and decimals, as Lava reads it; NetworkError for decimals that Loihi has not."""
    products = parse(text, name)
    for product in products:
        if product.decimal is not None:
            raise NetworkError(
                f"learning rule {name} = {shown(text, 200)}: Loihi has no constant {product.decimal!r}; use a whole "
                f"number in {MANTISSA[0]}..{MANTISSA[1]} times a power of 2 from 2^{EXPONENT[0]} to 2^{EXPONENT[1]}"
            )
    if not any(map(_is_decimal, text)):
        return "".join(text.split())
    return "".join(f"{product.mantissa:+d}*2^{product.exponent}*{_named(product)}" for product in products).lstrip("+")


def _named(product: Product) -> str:
    """Dependency and factors as text."""
    dependency = f"u{product.every}" if product.dependency == "u" else product.dependency
    parts = [dependency]
    for f in product.factors:
        shifted = f"{f.variable}{f.constant:+d}" if f.constant else f.variable
        parts.append(f"sgn({shifted})" if f.sign else f"({shifted})" if f.constant else shifted)
    return "*".join(parts)


def _is_decimal(token: str) -> bool:
    return "." in token or "e" in token


def scale_warnings(text: str) -> list[str]:
    """Products that come out smaller in Loihi's integers than in floating point, a sentence each."""
    return [
        f"product {i} ({'*'.join(f.variable for f in p.factors)}) is shifted right by {p.shift} bits in integers: "
        f"2^-{p.shift} of its value in floating point, rounded down"
        for i, p in enumerate(parse(text), 1)
        if p.shift
    ]


def rate_constant(rate: float) -> tuple[int, int]:
    """The nearest mantissa * 2^exponent (mantissa 1, 3, 5 or 7) to a learning rate in (0, 1]."""
    pairs = [(m, e) for m in (1, 3, 5, 7) for e in range(EXPONENT[0], 1) if m * 2.0**e <= 1]
    return min(pairs, key=lambda pair: abs(pair[0] * 2.0 ** pair[1] - rate))
