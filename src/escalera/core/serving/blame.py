"""Whose fault a failed attempt was, and what follows from it.

The caller's own mistakes go back to the caller and are never hidden by asking somebody else; a key
that a provider refuses, or a server that fails, is our business: another deployment is asked.
"""

from __future__ import annotations

from escalera.domain.traffic import Blame, Fault

KEY_STATUSES = frozenset({401, 402, 403, 407})
"""What a provider says of our key, our account or our rights."""
SERVER_STATUSES = frozenset({408, 409, 425, 429})
"""Statuses below 500 that say nothing of the request."""
KEY_CODES = frozenset(
    {
        "account_deactivated",
        "billing_hard_limit_reached",
        "billing_not_active",
        "deployment_not_found",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
    }
)
"""Codes of an error body that speak of our account or our configuration whatever the status is."""
CALLER_CODES = frozenset(
    {
        "content_policy_violation",
        "context_length_exceeded",
        "invalid_prompt",
        "string_above_max_length",
    }
)
"""Codes of an error that say that this request cannot be answered by anybody."""
CALLER_KINDS = frozenset({"invalid_request_error"})
"""Types of an error that say so."""
OURS: frozenset[Fault] = frozenset({"", "cancelled", "descriptors"})
"""What says nothing of whoever was to answer."""


def of_status(status: int, code: str = "") -> Blame:
    """Whose fault an answer with *status* is; *code* is the error code in its body, if any.

    A redirect is the server's: the gateway follows none.
    """
    if 200 <= status < 300:
        return "nobody"
    if status in KEY_STATUSES or code in KEY_CODES:
        return "key"
    if status < 400 or status >= 500 or status in SERVER_STATUSES:
        return "server"
    return "caller"


def of_told(code: str, kind: str) -> Blame:
    """Whose fault an error is that came within a 200, by its code and its type."""
    if code in KEY_CODES:
        return "key"
    return "caller" if code in CALLER_CODES or kind in CALLER_KINDS else "server"


def of_fault(fault: Fault) -> Blame:
    """Whose fault it is that an exchange came to no whole answer."""
    return "nobody" if fault in OURS else "server"


def may_be_billed(fault: Fault) -> bool:
    """Whether a provider may ask for money for an attempt that ended so: it had begun to answer."""
    return fault not in {"status", "connect", "connect-timeout", "descriptors"}
