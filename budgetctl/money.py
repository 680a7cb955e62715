"""Money as integers of picodollars (10⁻¹² USD), and its text.

Prices per token go below a nanodollar and binary floats drift, so every amount inside budgetctl is an
integer. Text, `Decimal` and floats are turned into one once, at the edge, rounding half to even.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    from decimal import Decimal

PICODOLLARS_PER_USD = 10**12
_PER_USD = float(PICODOLLARS_PER_USD)  # to multiply a float by it takes half the time

_MAX_USD = 10**15
"""No single amount of money may reach this, whatever the store: it bounds the arithmetic of parsing."""

_NEGATIVE = "is negative: an amount of money must be 0 or more"
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)

# As text: few amounts are written so, and to compile them would cost every start.
_WRITTEN = r"([+-]?)(?:\$\s*|usd\s+)?([+-]?[\d.,_]+)(?:\s*(?:\$|usd))?"
"""An amount as people write it: its sign, and its digits, before or behind which the currency may stand."""
_GROUPED = r"\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,}|\d+(?:_\d+)+(?:\.\d*)?"
"""Digits in groups. One comma alone is none of them: `1,000` is a thousand to some, and one to others."""


class Picodollars(int):
    """An exact amount of money: an integer of 10⁻¹² USD.

    A type of its own, because a bare `int` handed to an exact function would be ambiguous: `charge(u, 1)`
    must not mean 10⁻¹² dollars where `create_budget(1, u)` means one.

    `int()` gives picodollars; text, `format` and `float()` give US dollars. Sums and differences of amounts are
    amounts. An order against a bare number other than 0 raises `TypeError`, since nobody can tell its unit; only where
    a float or a `Decimal` stands on the left, Python compares it with the picodollars and does not ask.
    """

    __slots__ = ()

    @property
    def usd(self) -> Decimal:
        """The exact amount in US dollars."""
        from decimal import Decimal

        return Decimal(to_text(self))

    def __repr__(self) -> str:
        return f"Picodollars({int(self)})"

    def __str__(self) -> str:
        return to_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.usd, spec) if spec else to_text(self)

    def __float__(self) -> float:
        return to_float(self)

    def __add__(self, other: int) -> Picodollars:
        return Picodollars(int.__add__(self, _whole(other)))

    __radd__ = __add__

    def __sub__(self, other: int) -> Picodollars:
        return Picodollars(int.__sub__(self, _whole(other)))

    def __rsub__(self, other: int) -> Picodollars:
        return Picodollars(int.__rsub__(self, _whole(other)))

    def __mul__(self, other: int) -> Picodollars:
        return Picodollars(int.__mul__(self, _whole(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Picodollars) -> float:  # type: ignore[override]
        if not isinstance(other, Picodollars):
            raise _unitless("is divided by another amount alone, not by", other)
        return int.__truediv__(self, other)

    def __neg__(self) -> Picodollars:
        return Picodollars(int.__neg__(self))

    def __abs__(self) -> Picodollars:
        return Picodollars(int.__abs__(self))

    def __lt__(self, other: Picodollars | Literal[0]) -> bool:  # type: ignore[override]
        return int.__lt__(self, _comparable(other))

    def __le__(self, other: Picodollars | Literal[0]) -> bool:  # type: ignore[override]
        return int.__le__(self, _comparable(other))

    def __gt__(self, other: Picodollars | Literal[0]) -> bool:  # type: ignore[override]
        return int.__gt__(self, _comparable(other))

    def __ge__(self, other: Picodollars | Literal[0]) -> bool:  # type: ignore[override]
        return int.__ge__(self, _comparable(other))


ZERO = Picodollars(0)


def parse_amount(value: str | Decimal | Picodollars, *, signed: bool = False) -> Picodollars:
    """Read an exact amount of USD: text (`"0.05"`, `"$10"`, `"10 USD"`, `"1,000.00"`), a `Decimal`, or `Picodollars`.

    Rounds half to even at the picodollar. Raises `InvalidValueError` for anything that is not a finite number
    of dollars, for a negative amount unless `signed`, and for a bare `int`, `float` or `bool`.
    """
    if isinstance(value, Picodollars):
        return _checked(value, value, signed=signed)
    from decimal import Decimal

    if isinstance(value, str):
        return _from_decimal(Decimal(_digits(value)), value, signed=signed)
    if isinstance(value, Decimal):
        return _from_decimal(value, value, signed=signed)
    raise _bad(value, "is not an exact amount: pass text, a Decimal or Picodollars")


def _digits(value: str) -> str:
    """The number in an amount as people write it, for `Decimal`. Raises `InvalidValueError`."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return text
    written = re.fullmatch(_WRITTEN, text, re.ASCII | re.IGNORECASE)
    sign, number = written.groups() if written else ("", "")
    if re.fullmatch(_GROUPED, number, re.ASCII):
        number = number.replace(",", "").replace("_", "")
    if not _NUMBER.fullmatch(sign + number):
        whole, comma, rest = number.partition(",")
        wanted = "US dollars as in 0.05 or 10"
        if comma and (whole + rest).isdigit():
            wanted = f"{whole}{rest} or {whole or 0}.{rest}, whichever is meant"
        raise _bad(value, f"is not an amount of money: write {wanted}")
    return sign + number


def from_number(value: Any, *, signed: bool = False) -> Picodollars:
    """Read an amount of USD as litellm's methods take it: an `int`, a `float`, or any exact form but text.

    A float enters as its shortest decimal form. Raises `InvalidValueError` for NaN, infinities, booleans,
    text, and for a negative amount unless `signed`.
    """
    if isinstance(value, Picodollars):
        return _checked(value, value, signed=signed)
    from decimal import Decimal

    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _bad(value, "is not an amount of money: pass a number of US dollars")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _bad(value, "is not an amount of money: it must be finite")
        return _from_decimal(Decimal(repr(float(value))), value, signed=signed)
    return _from_decimal(Decimal(value), value, signed=signed)


def from_small(usd: float) -> Picodollars:
    """Round a float of USD as `from_number` does, below a dollar in a tenth of its time.

    The product is off by at most 2⁻⁵² of itself, less than 0.0003 below a dollar; only that close to a half could
    it round to the other side.
    """
    product = usd * _PER_USD
    nearest = int(product + 0.5)  # which drops what is behind the point
    if 0 <= product < _PER_USD and -0.499 < product - nearest < 0.499:
        return Picodollars(nearest)
    return from_number(usd)


def to_text(amount: int) -> str:
    """The exact amount in USD as a plain decimal, without trailing zeros: `0.0042`, `10`, `-1.5`."""
    whole, fraction = divmod(abs(int(amount)), PICODOLLARS_PER_USD)
    sign = "-" if amount < 0 else ""
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:012d}".rstrip("0")


def to_float(amount: int) -> float:
    """The amount in USD as the nearest float, the way litellm's methods return money."""
    return int(amount) / PICODOLLARS_PER_USD


def format_usd(amount: int) -> str:
    """The amount for a person: cents, and for less than ten cents two significant digits (`$0.0042`)."""
    magnitude = abs(int(amount))
    sign = "-" if amount < 0 else ""
    is_small = 0 < magnitude < PICODOLLARS_PER_USD // 10
    decimals = max(2, 14 - len(str(magnitude))) if is_small else 2
    unit = 10 ** (12 - min(decimals, 12))
    rounded = divide_half_even(magnitude, unit) * unit
    whole, fraction = divmod(rounded, PICODOLLARS_PER_USD)
    digits = f"{fraction:012d}"[: min(decimals, 12)]
    digits = digits[:2] + digits[2:].rstrip("0")
    return f"{sign}${whole:,}.{digits}"


def format_exact(amount: int) -> str:
    """The whole amount for a person, with cents: `$2.50`, `$0.125`."""
    dollars, _, rest = to_text(amount).partition(".")
    return f"${dollars}.{rest:0<2}"


def divide_half_even(value: int, unit: int) -> int:
    """The quotient of a value that is not negative, rounded half to even."""
    quotient, remainder = divmod(value, unit)
    if 2 * remainder > unit or (2 * remainder == unit and quotient % 2):
        quotient += 1
    return quotient


def _from_decimal(value: Decimal, given: object, *, signed: bool) -> Picodollars:
    from decimal import ROUND_HALF_EVEN, Context

    if not value.is_finite():
        raise _bad(given, "is not an amount of money: it must be finite")
    if value and value.adjusted() >= 15:
        raise _bad(given, f"is too large: an amount must be below ${_MAX_USD:,}")
    if value < 0 and not signed:  # also one that rounds to 0
        raise _bad(given, _NEGATIVE)
    # As many digits as the value has, so that it is rounded once, by the last step.
    context = Context(prec=len(value.as_tuple().digits) + 30)
    picodollars = value.scaleb(12, context).to_integral_value(ROUND_HALF_EVEN, context)
    return _checked(Picodollars(picodollars), given, signed=signed)


def _checked(amount: Picodollars, given: object, *, signed: bool) -> Picodollars:
    if amount < 0 and not signed:
        raise _bad(given, _NEGATIVE)
    if int(abs(amount)) >= _MAX_USD * PICODOLLARS_PER_USD:
        raise _bad(given, f"is too large: an amount must be below ${_MAX_USD:,}")
    return amount


def _bad(given: object, what: str) -> InvalidValueError:
    try:
        shown = repr(given[:80]) if isinstance(given, str) else repr(given)[:80]
    except ValueError:  # Python does not write out integers of more than 4,300 digits.
        shown = "a number of thousands of digits"
    return InvalidValueError(f"{shown} {what}")


def _whole(other: Any) -> int:
    """The other side of a sum or product. Raises `TypeError` for anything but an integer."""
    if isinstance(other, int):
        return other
    raise _unitless("cannot be reckoned with", other)


def _comparable(other: Any) -> int:
    """The other side of an order. Raises `TypeError` for a bare number other than 0."""
    if isinstance(other, Picodollars) or (isinstance(other, int) and other == 0):
        return other
    raise _unitless("has no order against", other)


def _unitless(fault: str, other: object) -> TypeError:
    return TypeError(
        f"an amount of money {fault} {other!r:.80}: reckon in US dollars, with `.usd`, which is a `Decimal`,"
        " or in whole picodollars, with `int()`"
    )
