"""Personal data: what can be told by its form, with its check digits where it has any.

Names of people, places and firms have no form, and are not found here.
"""

from __future__ import annotations

from escalera.core.serving.guarding import checking
from escalera.core.serving.guarding.papers import PAPERS
from escalera.core.serving.guarding.pattern import ALNUM, DIGITS, Pattern

_CALLS = (
    *("phone", "telephone", "tel", "mobile", "cell", "fax", "call", "dial", "text", "sms"),
    *("whatsapp", "reach", "desk", "ring", "contact", "answering at", "messages to", "registered"),
    *(
        "telefon",
        "telefono",
        "teléfono",
        "móvil",
        "movil",
        "celular",
        "handy",
        "téléphone",
        "portable",
    ),
)
_PHONE = DIGITS + "+() ./-xet#"

_LATIN = "A-Za-zÀ-ɏ\u0300-\u036f"
"""Letters with their accents, of one character or two."""

REACHING = (
    Pattern(
        kind="email",
        head=rf"[{_LATIN}0-9._%+'-]{{1,32}}"
        rf"@[{_LATIN}0-9][{_LATIN}0-9-]{{0,22}}\.[A-Za-z][A-Za-z0-9]{{1,3}}",
        hint="@",
        run=ALNUM,
        joints=".-",
        literals=("@",),
        source="RFC 5321, unquoted, and RFC 6531 in Latin letters; of a longer local part the last "
        "32 characters",
        hits=(
            "Write to ana.lopez+x@mail.example.co.uk.",
            "(bob@example.com)",
            "josé.pérez@peña.example",
            "jose\u0301@pen\u0303a.example",
            "请写信给ana@x.example",
        ),
        misses=("react@18.2.0", "@handle", "a@b"),
    ),
    Pattern(
        kind="phone",
        head=r"(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(\d{1,4}\)[ ./-]?)?\d{1,4}(?:[ ./-]?\d{1,4}){1,5}"
        r"(?: ?(?:x|ext\.? ?|#)\d{1,5})?",
        before=r"\w+.",
        after=r"[ ./-]?\d",
        check=checking.phone,
        hint=r"(?:\+|00)[1-9][0-9 ./()-]{4}",
        source="ITU-T E.164 and E.123, countries of E.164",
        hits=("+41 (0)96 471 07 95", "call +447700 921 916 now", "+1-903-140-4508x769"),
        misses=("+12 and +13", "1+1234567", "+999 123 456 789"),
    ),
    Pattern(
        kind="phone",
        head=r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[.-]\d{4}"
        r"(?: ?(?:x|ext\.? ?|#)\d{1,5})?",
        before=r"\w+.(-",
        after=r"[ -]?\d",
        check=checking.national_phone,
        source="North American Numbering Plan",
        hits=("905-674-3793", "(602)272-9781", "345-899-3560x4587"),
        misses=("105-674-3793", "905-67-3793", "1905-674-37931"),
    ),
    Pattern(
        kind="phone",
        head=r"\(?0\d{1,4}\)?(?:[ ./-]\d{2,4}){2,4}|0\d{3,4}[ ./-]\d{6,8}",
        before=r"\w+.-",
        after=r"[ ./-]?\d",
        check=checking.national_phone,
        source="numbers with a trunk prefix 0, in groups",
        hits=("0490 75 40 81", "03.93.92.16.85", "(08) 8747 6301", "0378 3549890"),
        misses=("2001-02-03", "0490", "01.02.2003"),
    ),
    Pattern(
        kind="phone",
        head=r"\(?\d{2,4}\)?(?:[ ./-]?\d{2,4}){1,4}(?: ?(?:x|ext\.? ?|#)\d{1,5})?",
        before=r"\w+.$€£(-",
        after=r"[ ./-]?\d",
        hint=r"(?:\d[ ./()-]{0,2}){6}\d(?:[^\d]|$)",
        check=checking.national_phone,
        context=_CALLS,
        source="7 to 13 digits behind a word for calling",
        hits=("Phone:\n60-56-85-91", "Please call me at 467 3395", "Fax: 9498777106"),
        misses=("order 467 3395", "call it 12", "text 2210.03057"),
    ),
    Pattern(
        kind="ip_address",
        head=r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)",
        before=r"\w.",
        after=r"\.?\d",
        check=checking.address_v4,
        source="RFC 791",
        hits=("from 41.173.96.26.", "http://10.0.0.7:8080/"),
        misses=("127.0.0.1", "1.2.3", "1.2.3.4.5", "256.1.1.1"),
    ),
    Pattern(
        kind="ip_address",
        head=r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}",
        hint=r"::|(?:[0-9A-Fa-f]{1,4}:){7}",
        before=r"\w:.",
        after=r"[\w:]",
        check=checking.address_v6,
        source="RFC 4291, without embedded IPv4",
        hits=("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "see 2001:db8::1."),
        misses=("12:34:56", "a::b::c", "::1", "std::vector", "parts[1::2]"),
    ),
    Pattern(
        kind="mac_address",
        head=r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}",
        before=r"\w:-",
        after=r"[\w:-]",
        source="IEEE 802",
        hits=("00:1A:2b:3c:4d:5E",),
        misses=("00:1A:2b:3c:4d", "00:1A:2b:3c:4d:5E:6F"),
    ),
    Pattern(
        kind="url",
        head=r"(?i:https?)://[A-Za-z0-9][A-Za-z0-9.-]{0,40}",
        before=r"\w",
        run=ALNUM + "/_~%&=+#",
        joints=".-?:@!,;'",
        literals=("http",),
        source="RFC 3986",
        hits=("see https://www.example.se/a?b=c.", "http://x.y"),
        misses=("http:/x", "www.example.com"),
    ),
)

MONEY = (
    Pattern(
        kind="credit_card",
        head=r"\d{12,19}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|3\d{3}[ -]\d{6}[ -]\d{4,5}",
        before=r"\w.-",
        after=r"[\w]|[.-]\d",
        check=checking.card,
        source="ISO/IEC 7812-1; prefixes and lengths of the issuers",
        hits=("4111 1111 1111 1111", "card 347415977307943.", "4454-7945-1139-0933"),
        misses=("4111 1111 1111 1112", "1234567890123456", "411111111111111"),
    ),
    Pattern(
        kind="iban",
        head=r"[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?",
        hint=r"[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}",
        before=r"\w",
        check=checking.iban,
        source="ISO 13616, lengths of the SWIFT registry",
        hits=(
            "GB59IFUE40226315499137",
            "gb42nawi04454264788619",
            "DE89 3704 0044 0532 0130 00 is it",
        ),
        misses=("GB59IFUE40226315499138", "DE89 3704 0044 0532 0130", "XX12 3456 7890 1234"),
    ),
    Pattern(
        kind="crypto_address",
        head=r"(?i:bc1)[A-Za-z0-9]{25,59}|[13][A-HJ-NP-Za-km-z1-9]{25,34}",
        hint=r"(?i:bc1)[A-Za-z0-9]{25}|[13][A-HJ-NP-Za-km-z1-9]{25}",
        before=r"\w",
        after=r"\w",
        check=checking.bitcoin,
        source="BIP 173, BIP 350, Base58Check",
        hits=("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        misses=("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp"),
    ),
    Pattern(
        kind="crypto_address",
        head=r"0x[0-9A-Fa-f]{40}",
        before=r"\w",
        after=r"\w",
        literals=("0x",),
        source="Ethereum; the mixed-case checksum of EIP-55 is not asked for",
        hits=("0x52908400098527886E0F7030069857D2E4169EE7",),
        misses=("0x52908400098527886E0F7030069857D2E4169E",),
    ),
    Pattern(
        kind="bank_account",
        head=r"\d{9}",
        before=r"\w.-",
        after=r"\w|[.-]\d",
        check=checking.routing,
        context=("routing", "aba", "rtn"),
        source="American Bankers Association",
        hits=("routing number: 011000015",),
        misses=("routing number: 011000016", "011000015"),
    ),
)

PERSONAL = PAPERS + MONEY + REACHING
"""What has more to be told by comes first: of two matches alike the first counts."""
NOT_PERSONAL = ("url",)
"""Kinds that are found when they are named, and are no part of `personal`."""
