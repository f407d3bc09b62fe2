"""What a match is asked: how many of its characters really are of the kind, 0 for none."""

from __future__ import annotations

import ipaddress
import re

from escalera.core.serving.guarding import checksums
from escalera.core.serving.guarding.pattern import Check

_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}(?:\d{2})?"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d{2}|62\d{2}|81\d{2})\d{12}(?:\d{3})?"  # Discover, UnionPay
    r"|(?:2131|1800|35\d{3})\d{11}"  # JCB
    r"|(?:50\d{2}|5[6-9]\d{2}|6[0-9]\d{2})\d{8,15}"  # Maestro
)
_COUNTRIES = re.compile(
    r"1|7|2(?:0|7|[1-69]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)"
    r"|6(?:[0-6]|[789]\d)|8(?:[1246]|[05789]\d)|9(?:[0-58]|[67]\d|9[2-68])"
)

_NO_PHONE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|(?:19|20)\d\d[./-]\d\d[./-]\d\d|\d+\.\d+"
)


def compact(text: str) -> str:
    """Without what separates groups."""
    return re.sub(r"[\s./()-]", "", text)


def card(text: str) -> int:
    """A number of a card that an issuer may have given, by prefix, length and Luhn's sum."""
    digits = compact(text)
    return len(text) if _CARDS.fullmatch(digits) and checksums.luhn(digits) else 0


def iban(text: str) -> int:
    """An IBAN, maybe with other characters behind it; a letter or digit directly behind is not."""
    wanted = checksums.IBAN_LENGTHS.get(text[:2].upper(), 0)
    at = 0
    for place, sign in enumerate(text):
        at += sign.isalnum()
        if at == wanted and wanted:
            end = place + 1
            free = end == len(text) or not text[end].isalnum()
            return end if free and checksums.iban(compact(text[:end])) else 0
    return 0


def ssn(text: str) -> int:
    """A social security number of the United States: areas, groups and serials in use."""
    digits = compact(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    wrong = area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"
    return 0 if wrong else len(text)


def itin(text: str) -> int:
    """A taxpayer number of the United States: 9 in front, groups from 50 on in use."""
    group = int(compact(text)[3:5])
    return len(text) if 50 <= group <= 65 or (group >= 70 and group not in (89, 93)) else 0


def phone(text: str) -> int:
    """A number with its country's code: 8 to 15 digits (ITU-T E.164)."""
    digits = re.sub(r"\D", "", re.split(r"[xe#]", text)[0])
    if digits.startswith("00"):
        digits = digits[2:]
    country = _COUNTRIES.match(digits)
    return len(text) if country and 8 <= len(digits) <= 15 else 0


def national_phone(text: str) -> int:
    """7 to 13 digits that are no date, no decimal, not counted up and not all alike."""
    digits = re.sub(r"\D", "", re.split(r"[xe#]", text)[0])
    drawn = len(set(digits)) > 2 and digits not in "01234567890123456789"
    right = 7 <= len(digits) <= 13 and drawn and not _NO_PHONE.fullmatch(text)
    return len(text) if right else 0


def address_v4(text: str) -> int:
    """An address that belongs to someone: not that of the machine itself, nor a mask."""
    wrong = text.startswith(("0.", "127.", "255."))
    return 0 if wrong else len(text)


def address_v6(text: str) -> int:
    """An IPv6 address as the standard library reads it; not that of the machine, nor a slice."""
    for end in (len(text), len(text.rstrip(":"))):
        try:
            found = ipaddress.IPv6Address(text[:end])
        except ValueError:
            continue
        short = sum(sign != ":" for sign in text[:end]) < 5
        return 0 if short or found.is_loopback or found.is_unspecified else end
    return 0


def bitcoin(text: str) -> int:
    """A Bitcoin address, old or new."""
    new = text[:3].lower() == "bc1"
    return len(text) if (checksums.bech32 if new else checksums.base58check)(text) else 0


def routing(text: str) -> int:
    """An ABA routing number: nine digits, weights 3, 7, 1, of a Federal Reserve district."""
    district = int(text[:2])
    known = district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    right = known and checksums.weighted(text, (3, 7, 1) * 3, 10) and text != "000000000"
    return len(text) if right else 0


def nhs(text: str) -> int:
    """A number of the National Health Service: weights 10 to 1 modulo 11."""
    digits = compact(text)
    right = checksums.weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11)
    return len(text) if right and len(set(digits)) > 1 else 0


def spanish(text: str) -> int:
    """A DNI or NIE with the right letter."""
    return len(text) if checksums.spanish_letter(compact(text)) else 0


def italian(text: str) -> int:
    """A codice fiscale with the right last letter."""
    return len(text) if checksums.codice_fiscale(text) else 0


def french(text: str) -> int:
    """A number of the French social security with the right key."""
    return len(text) if checksums.french_number(compact(text)) else 0


def german_tax(text: str) -> int:
    """A German tax identification number with the right last digit."""
    return len(text) if checksums.mod_11_10(compact(text)) else 0


def cpf(text: str) -> int:
    """A Brazilian CPF with both check digits."""
    return len(text) if checksums.brazilian_cpf(compact(text)) else 0


def aadhaar(text: str) -> int:
    """An Indian Aadhaar number: Verhoeff's sum."""
    return len(text) if checksums.verhoeff(compact(text)) else 0


def polish(text: str) -> int:
    """A Polish PESEL: weights 1, 3, 7, 9 modulo 10."""
    return len(text) if checksums.weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10) else 0


def canadian(text: str) -> int:
    """A Canadian social insurance number: Luhn's sum, and no 0 or 8 in front."""
    digits = compact(text)
    return len(text) if checksums.luhn(digits) and digits[0] not in "08" else 0


def random(*, bits: float, after: str = "") -> Check:
    """A check that what stands behind the last sign of *after* looks drawn by lot: so many bits a
    character, and not only letters.
    """

    def check(text: str) -> int:
        secret = re.split(f"[{re.escape(after)}]", text)[-1] if after else text
        mixed = any(sign.isdigit() for sign in secret) and any(sign.isalpha() for sign in secret)
        return len(text) if mixed and checksums.entropy(secret) >= bits else 0

    return check
