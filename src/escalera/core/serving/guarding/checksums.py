"""Check digits: what tells a number that was issued from one that looks alike.

Every function takes the compact form, without spaces or hyphens, unless it says otherwise.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter

_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTHS = {
    country: length for length, countries in _COUNTRIES.items() for country in countries.split()
}
"""Characters of an IBAN by country (SWIFT IBAN registry, release 99)."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ODD = tuple(
    map(
        int,
        [
            "1",
            "0",
            "5",
            "7",
            "9",
            "13",
            "15",
            "17",
            "19",
            "21",
            "2",
            "4",
            "18",
            "20",
            "11",
            "3",
            "6",
            "8",
            "12",
            "14",
            "16",
            "10",
            "22",
            "25",
            "24",
            "23",
        ],
    )
)
_TIMES = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_TURNED = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def luhn(digits: str) -> bool:
    """The sum of ISO/IEC 7812: cards, Canadian social insurance numbers."""
    total = sum(int(digit) for digit in digits[-1::-2])
    total += sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def iban(compact: str) -> bool:
    """Length by country and remainder 1 modulo 97 (ISO 13616)."""
    compact = compact.upper()
    if IBAN_LENGTHS.get(compact[:2]) != len(compact) or not compact.isalnum():
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


def verhoeff(digits: str) -> bool:
    """The dihedral sum of Verhoeff (1969): Indian Aadhaar numbers."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = _TIMES[state][_TURNED[place % 8][int(digit)]]
    return state == 0


def mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064 MOD 11,10: German tax numbers."""
    state = 5
    for digit in digits:
        state = ((state or 10) * 2 % 11 + int(digit)) % 10
    return state == 1


def weighted(digits: str, weights: tuple[int, ...], modulus: int) -> bool:
    """Whether the weighted sum of the digits is a multiple of *modulus*."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return total % modulus == 0


def base58check(address: str) -> bool:
    """Bitcoin addresses of the old kind: four bytes of a double SHA-256 end them."""
    number = 0
    for sign in address:
        place = _BASE58.find(sign)
        if place < 0:
            return False
        number = number * 58 + place
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def bech32(address: str) -> bool:
    """Bitcoin addresses of the new kinds: the polynomial of BIP 173 and BIP 350."""
    if address.lower() != address and address.upper() != address:
        return False
    prefix, _, data = address.lower().rpartition("1")
    if not prefix or any(sign not in _BECH32 for sign in data):
        return False
    state = 1
    values = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    for value in values + [_BECH32.index(sign) for sign in data]:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            state ^= generator if top >> bit & 1 else 0
    return state in (1, 0x2BC830A3)


def spanish_letter(compact: str) -> bool:
    """The letter of Spanish DNI and NIE numbers, by the remainder modulo 23."""
    number = compact[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == compact[-1].upper()


def codice_fiscale(compact: str) -> bool:
    """The last letter of an Italian codice fiscale (decree of 23 December 1976)."""
    total = 0
    for place, sign in enumerate(compact[:-1].upper()):
        value = int(sign) if sign.isdigit() else ord(sign) - 65
        total += value if place % 2 else _ODD[value]
    return chr(65 + total % 26) == compact[-1].upper()


def french_number(compact: str) -> bool:
    """The key of a French social security number (NIR); 2A and 2B are Corsica."""
    body = compact[:-2].upper().replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(compact[-2:])


def brazilian_cpf(digits: str) -> bool:
    """Both check digits of a CPF; eleven equal digits are none."""
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        total = sum(int(digit) * (size + 1 - place) for place, digit in enumerate(digits[:size]))
        if total * 10 % 11 % 10 != int(digits[size]):
            return False
    return True


def entropy(text: str) -> float:
    """Bits per character, by how often each occurs in *text*."""
    size = len(text)
    return sum(-many / size * math.log2(many / size) for many in Counter(text).values())
