"""What a match is asked before it counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding import checking


@pytest.mark.parametrize(
    "number",
    [
        *("4111111111111111", "5555555555554444", "378282246310005", "30569309025904"),
        *("6011111111111117", "3530111333300000", "2223003122003222", "630427373398"),
    ],
)
def test_cards_by_issuer(number):
    """Published test numbers; with another last digit the sum is wrong."""
    assert checking.card(number) == len(number)
    assert not checking.card(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_a_number_with_a_right_sum_may_be_no_card():
    """Prefix and length count, too."""
    assert not checking.card("1234567812345670")
    assert not checking.card("41111111111111")


def test_an_iban_ends_where_its_country_says():
    """What stands behind it is not part of it; a letter directly behind makes it none."""
    text = "DE89 3704 0044 0532 0130 00 is it"
    assert checking.iban(text) == len("DE89 3704 0044 0532 0130 00")
    assert not checking.iban("DE89370400440532013000X")
    assert not checking.iban("DE89370400440532013")


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(0, 99), st.integers(0, 9999))
def test_social_security_numbers(area, group, serial):
    """What the administration does not give out is none."""
    right = area not in (0, 666) and area < 900 and group > 0 and serial > 0
    assert bool(checking.ssn(f"{area:03}-{group:02}-{serial:04}")) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [("912-71-1234", 1), ("912-65-1234", 1), ("912-66-1234", 0), ("912-89-1234", 0)],
)
def test_taxpayer_numbers(text, right):
    """Groups from 50 on, but those that are not given out."""
    assert bool(checking.itin(text)) == bool(right)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("+41 44 668 18 00", 1),
        ("0041446681800", 1),
        ("+999 123 456 789", 0),
        ("+41 44", 0),
        ("+1 903 140 4508x769", 1),
        ("+1234567890123456", 0),
    ],
)
def test_numbers_with_a_country(text, right):
    """Countries that there are, and 8 to 15 digits without an extension."""
    assert bool(checking.phone(text)) == bool(right)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("467 3395", 1),
        ("01.02.2003", 0),
        ("2001-02-03", 0),
        ("2210.03057", 0),
        ("0000000", 0),
        ("0123456789", 0),
        ("123456", 0),
    ],
)
def test_numbers_of_a_country(text, right):
    """Dates, decimals, digits that are counted up or alike are no numbers to call."""
    assert bool(checking.national_phone(text)) == bool(right)


def test_addresses_of_machines():
    """Those of the machine itself, masks and slices of lists belong to nobody."""
    assert checking.address_v4("8.8.8.8")
    assert not checking.address_v4("127.0.0.1")
    assert not checking.address_v4("255.255.255.0")
    assert checking.address_v6("2001:db8::1") == len("2001:db8::1")
    assert checking.address_v6("2001:db8::1:") == len("2001:db8::1")
    assert not checking.address_v6("1::2")
    assert not checking.address_v6("::1")
    assert not checking.address_v6("1:2:3")


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checking.routing, "011000015", "991000015"),
        (checking.nhs, "943 476 5919", "000 000 0000"),
        (checking.spanish, "X-1234567-L", "X-1234567-A"),
        (checking.italian, "RCCMNL83S18D969H", "RCCMNL83S18D969A"),
        (checking.french, "1 84 12 76 451 089 46", "1 84 12 76 451 089 45"),
        (checking.german_tax, "36 574 261 809", "36 574 261 808"),
        (checking.cpf, "529.982.247-25", "529.982.247-24"),
        (checking.aadhaar, "2345 6789 0124", "2345 6789 0125"),
        (checking.polish, "44051401359", "44051401358"),
        (checking.canadian, "130 692 544", "830 692 547"),
        (checking.bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1" * 30),
    ],
)
def test_numbers_of_papers(check, right, wrong):
    """With their separators; the whole match belongs."""
    assert check(right) == len(right)
    assert check(wrong) == 0


def test_what_looks_drawn_by_lot():
    """Many different signs, some of them digits; only what stands behind the mark counts."""
    check = checking.random(bits=3.0, after="=")
    assert check("key=8f3kq0zpx1")
    assert not check("key=aaaaaaaaa1")
    assert not check("k8f3kq0zpx=onlyletters")
    assert checking.compact(" 1-2.3/(4) ") == "1234"
