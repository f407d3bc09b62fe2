"""Check digits, beside those of python-stdnum and of published examples."""

from __future__ import annotations

from string import ascii_uppercase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding import checksums

DIGITS = "0123456789"


def numbers(least, most):
    return st.text(DIGITS, min_size=least, max_size=most)


def theirs(name):
    return pytest.importorskip(f"stdnum.{name}")


@settings(deadline=None)
@given(numbers(2, 19))
def test_luhn(digits):
    """As in python-stdnum, for any number."""
    assert checksums.luhn(digits) == theirs("luhn").is_valid(digits)


@settings(deadline=None)
@given(numbers(1, 16))
def test_verhoeff(digits):
    """As in python-stdnum, for any number."""
    assert checksums.verhoeff(digits) == theirs("verhoeff").is_valid(digits)


@settings(deadline=None)
@given(numbers(2, 14))
def test_mod_11_10(digits):
    """As in python-stdnum, for any number."""
    assert checksums.mod_11_10(digits) == theirs("iso7064.mod_11_10").is_valid(digits)


@settings(deadline=None)
@given(st.sampled_from(sorted(checksums.IBAN_LENGTHS)), numbers(30, 30))
def test_iban_has_one_key_of_a_hundred(country, digits):
    """For any account one pair of check digits is right, and any other is wrong."""
    account = digits[: checksums.IBAN_LENGTHS[country] - 4]
    right = [key for key in range(2, 99) if checksums.iban(f"{country}{key:02}{account}")]
    assert len(right) == 1
    assert not checksums.iban(f"{country}{right[0]:02}{account}0")


@pytest.mark.parametrize(
    "iban",
    [
        *("GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606"),
        *("NO9386011117947", "MT84MALT011000012345MTLCAST001S", "ES9121000418450200051332"),
    ],
)
def test_published_ibans(iban):
    """Examples of the registry; a changed character is noticed."""
    assert checksums.iban(iban)
    assert checksums.iban(iban.lower())
    assert not checksums.iban(iban[:-1] + ("0" if iban[-1] != "0" else "1"))


@pytest.mark.parametrize(
    "address",
    [
        *("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ],
)
def test_base58check(address):
    """Published addresses; one changed character is noticed, and so is none of the alphabet."""
    assert checksums.base58check(address)
    assert not checksums.base58check(address[:-1] + ("4" if address[-1] != "4" else "5"))
    assert not checksums.base58check(address[:-1] + "0")
    assert not checksums.base58check(address * 2)


@pytest.mark.parametrize(
    "address",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
)
def test_bech32(address):
    """The examples of BIP 173 and BIP 350; mixed cases and changed characters are wrong."""
    assert checksums.bech32(address)
    assert not checksums.bech32(address[:-1] + ("q" if address[-1] not in "qQ" else "p"))
    assert not checksums.bech32(address[:4] + address[4:].swapcase())
    assert not checksums.bech32("1" + address[3:])


@settings(deadline=None)
@given(numbers(8, 8))
def test_spanish_letter(digits):
    """As in python-stdnum, for any number: one letter of 23 is right."""
    module = theirs("es.dni")
    letters = [one for one in ascii_uppercase if checksums.spanish_letter(digits + one)]
    assert len(letters) == 1
    assert module.is_valid(digits + letters[0])


@settings(deadline=None)
@given(numbers(13, 13), numbers(2, 2))
def test_french_number(body, key):
    """As in python-stdnum for the key; Corsica has letters."""
    right = 97 - int(body) % 97
    assert checksums.french_number(body + key) == (int(key) == right)
    assert checksums.french_number("2820620225145" + "54") == (97 - 2820620225145 % 97 == 54)


def test_italian_code():
    """A published example, and the same with another letter."""
    assert checksums.codice_fiscale("RCCMNL83S18D969H")
    assert not checksums.codice_fiscale("RCCMNL83S18D969G")


@settings(deadline=None)
@given(numbers(11, 11))
def test_brazilian_cpf(digits):
    """As in python-stdnum, for any number."""
    module = theirs("br.cpf")
    assert checksums.brazilian_cpf(digits) == (module.is_valid(digits) and len(set(digits)) > 1)


def test_weighted_and_entropy():
    """The sum of a routing number, and bits of texts that are known."""
    assert checksums.weighted("011000015", (3, 7, 1) * 3, 10)
    assert not checksums.weighted("011000016", (3, 7, 1) * 3, 10)
    assert checksums.entropy("aaaa") == 0
    assert checksums.entropy("abcd") == 2
