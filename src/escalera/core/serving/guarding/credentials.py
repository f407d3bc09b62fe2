"""Secrets: keys and tokens by the forms their issuers give them, and what is called a password."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.serving.guarding import checking
from escalera.core.serving.guarding.pattern import ALNUM, DIGITS, Pattern

_WEB = ALNUM + "_-"
_HEX = DIGITS + "abcdefABCDEF"


_TOKEN = Pattern(kind="", head="", before=r"\w")
"""A token that begins with a mark of its issuer."""


_A, _B = "A1b2C3d4E5f6G7h8I9j0", "K1l2M3n4O5p6Q7r8S9t0"
_AB = _A + _B
_HEX32 = "0123456789abcdef" * 2

ISSUED = (
    replace(
        _TOKEN,
        kind="aws_key",
        head=r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        after=r"\w",
        literals=("akia", "asia", "abia", "acca"),
        source="AWS Identity and Access Management, unique identifiers",
        hits=("AKIAIOSFODNN7EXAMPLE",),
        misses=("AKIAIOSFODNN7", "akiaiosfodnn7example"),
    ),
    Pattern(
        kind="aws_key",
        head=r"[A-Za-z0-9/+]{40}",
        before=r"\w/+=",
        after=r"[\w/+=]",
        check=checking.random(bits=4.0),
        context=("aws", "secret_access_key", "secretaccesskey", "secret access key"),
        source="AWS secret access keys, behind their name",
        hits=("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",),
        misses=("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws " + "a" * 40),
    ),
    replace(
        _TOKEN,
        kind="github_token",
        head=r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22})",
        literals=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        run=ALNUM + "_",
        source="GitHub, token formats of 2021",
        hits=(f"ghp_{_AB[:36]}", f"github_pat_11{_A}_{_AB}"),
        misses=("ghp_short", f"xghp_{_AB[:36]}"),
    ),
    replace(
        _TOKEN,
        kind="gitlab_token",
        head=r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[A-Za-z0-9_-]{20}",
        literals=(
            "glpat-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glptt-",
            "glft-",
            "glsoat-",
            "glimt-",
            "glagent-",
        ),
        run=_WEB,
        source="GitLab, token prefixes",
        hits=(f"glpat-{_A}",),
        misses=("glpat-short",),
    ),
    replace(
        _TOKEN,
        kind="slack_token",
        head=r"xox[abeoprs]-[A-Za-z0-9-]{10,40}",
        literals=("xox",),
        run=_WEB,
        check=checking.random(bits=2.5),
        source="Slack, token types",
        hits=("xoxb-123456789012-abcdefGHIJKL34567890",),
        misses=("xoxb-token-goes-here",),
    ),
    replace(
        _TOKEN,
        kind="slack_token",
        head=r"hooks\.slack\.com/services/T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/",
        literals=("hooks.slack.com",),
        run=ALNUM,
        source="Slack, incoming webhooks",
        hits=(f"https://hooks.slack.com/services/T0001111/B0002222/{_A}",),
        misses=("https://hooks.slack.com/services/",),
    ),
    replace(
        _TOKEN,
        kind="google_key",
        head=r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30}",
        literals=("aiza", "gocspx-", "ya29."),
        run=_WEB + ".",
        source="Google Cloud, API keys and OAuth clients",
        hits=(f"AIza{_AB[:35]}", f"GOCSPX-{_AB[:28]}"),
        misses=("AIzaShort",),
    ),
    replace(
        _TOKEN,
        kind="openai_key",
        head=r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20}|sk-[A-Za-z0-9]{20}T3BlbkFJ",
        literals=("sk-",),
        run=_WEB,
        source="OpenAI, keys of projects, service accounts and users",
        hits=(f"sk-proj-{_AB}{_AB}", f"sk-{_A}T3BlbkFJ{_B}"),
        misses=("sk-proj-short", "risk-proj-" + _AB),
    ),
    replace(
        _TOKEN,
        kind="anthropic_key",
        head=r"sk-ant-[a-z]{3,5}\d{2}-[A-Za-z0-9_-]{20}",
        literals=("sk-ant-",),
        run=_WEB,
        source="Anthropic, API and OAuth keys",
        hits=(f"sk-ant-api03-{_AB}{_AB}AA",),
        misses=("sk-ant-api03-short",),
    ),
    replace(
        _TOKEN,
        kind="model_key",
        head=r"hf_[A-Za-z0-9]{34}|gsk_[A-Za-z0-9]{40}|r8_[A-Za-z0-9]{37}|xai-[A-Za-z0-9]{40}"
        r"|pplx-[A-Za-z0-9]{40}|nvapi-[A-Za-z0-9_-]{40}|sk-or-v1-[0-9a-f]{40}|fw_[A-Za-z0-9]{24}",
        literals=("hf_", "gsk_", "r8_", "xai-", "pplx-", "nvapi-", "sk-or-v1-", "fw_"),
        run=_WEB,
        source="Hugging Face, Groq, Replicate, xAI, Perplexity, NVIDIA, OpenRouter, Fireworks",
        hits=(f"hf_{_AB[:34]}", f"gsk_{_AB}{_A[:12]}"),
        misses=("hf_token", "gsk_me"),
    ),
    replace(
        _TOKEN,
        kind="payment_key",
        head=r"(?:sk|rk)_live_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{24}|sq0(?:atp|csp)-[A-Za-z0-9_-]{22}"
        r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        literals=(
            "sk_live_",
            "rk_live_",
            "whsec_",
            "sq0atp-",
            "sq0csp-",
            "shpat_",
            "shpca_",
            "shppa_",
            "shpss_",
        ),
        run=_WEB + "+/=",
        source="Stripe, Square, Shopify",
        hits=(f"sk_live_{_AB}", f"shpat_{_HEX32}"),
        misses=("sk_test_" + _AB, "shpat_x"),
    ),
    replace(
        _TOKEN,
        kind="service_token",
        head=r"npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{20}|dckr_pat_[A-Za-z0-9_-]{27}"
        r"|dapi[0-9a-f]{32}|do[opr]_v1_[0-9a-f]{40}|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{16}"
        r"|(?:SK|AC)[0-9a-f]{32}|key-[0-9a-f]{32}|lin_api_[A-Za-z0-9]{32}|hvs\.[A-Za-z0-9_-]{24}"
        r"|sbp_[0-9a-f]{40}|rubygems_[0-9a-f]{40}|glsa_[A-Za-z0-9]{32}|ATATT3[A-Za-z0-9_=-]{40}",
        literals=(
            *("npm_", "pypi-ageichlwas5vcmc", "dckr_pat_", "dapi", "doo_v1_", "dop_v1_"),
            *("dor_v1_",),
            *(
                "sg.",
                "sk",
                "ac",
                "key-",
                "lin_api_",
                "hvs.",
                "sbp_",
                "rubygems_",
                "glsa_",
                "atatt3",
            ),
        ),
        run=_WEB + "=",
        source="npm, PyPI, Docker, Databricks, DigitalOcean, SendGrid, Twilio, Mailgun, Linear, "
        "Vault, Supabase, RubyGems, Grafana, Atlassian",
        hits=(f"npm_{_AB[:36]}", f"SG.{_AB[:22]}.{_AB}", f"dapi{_HEX32}", f"AC{_HEX32}"),
        misses=("npm_install", "SG.x", "dapi", "ACDC"),
    ),
    Pattern(
        kind="azure_key",
        head=r"AccountKey=[A-Za-z0-9+/]{40}|(?:[?&;]|\\u0026)sig=[A-Za-z0-9%]{40}",
        run=ALNUM + "+/=%",
        literals=("accountkey=", "sig="),
        source="Azure Storage, connection strings and shared access signatures",
        hits=(f"AccountKey={_AB}{_AB}==", f"?se=1&sig={_AB}%3D"),
        misses=("AccountKey=none", "sig=" + _AB),
    ),
    Pattern(
        kind="bot_token",
        head=r"\d{8,10}:AA[A-Za-z0-9_-]{33}|[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25}",
        hint=r"\d:AA[A-Za-z0-9_-]{33}|\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25}",
        before=r"\w",
        run=_WEB,
        source="Telegram, Discord",
        hits=(f"123456789:AA{_AB[:33]}", f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{_AB[:27]}"),
        misses=("123456789:AAshort",),
    ),
)

WRITTEN = (
    Pattern(
        kind="private_key",
        head=r"-----BEGIN (?:[A-Z0-9]{2,9} ){0,2}PRIVATE KEY(?: BLOCK)?-----",
        run=ALNUM + "+/=\\ \r\n\t-:,.",
        ends="KEY-----",
        literals=("private key",),
        source="RFC 7468, OpenSSH, PGP (RFC 4880)",
        hits=(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ),
        misses=("-----BEGIN PUBLIC KEY-----", "BEGIN RSA PRIVATE KEY"),
    ),
    Pattern(
        kind="jwt",
        head=r"eyJ(?:hbGciOi|0eXAiOi|raWQiOi|jdHkiOi|lbmMiOi|6aXAiOi|qa3UiOi|4NXQiOi)[A-Za-z0-9_-]{8}",
        before=r"\w",
        run=_WEB,
        joints=".",
        literals=("eyj",),
        source="RFC 7519: a header that begins with a member of RFC 7515",
        hits=("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",),
        misses=("eyJub3RhIjoiand0In0", "eyJhbGci"),
    ),
    Pattern(
        kind="url_password",
        head=r"[a-z][a-z0-9+.-]{1,15}://[A-Za-z0-9._%+-]{0,20}:[^\s:@/'\"<>{}$*]{3,20}@",
        hint=r"://[A-Za-z0-9._%+-]{0,20}:[^\s:@/'\"<>{}$*]{3,20}@",
        run=ALNUM,
        joints=".-:",
        literals=("://",),
        source="RFC 3986, user information",
        hits=("postgres://app:s3cr3t!@db.example.com:5432/x",),
        misses=("https://example.com:8080/@x", "https://${USER}:${PASS}@host"),
    ),
    Pattern(
        kind="password",
        head=r"(?i:passw(?:or)?d|passwd|pwd|passphrase|contraseña|passwort|secret|api[_-]?key|apikey"
        r"|access[_-]?token|auth[_-]?token|client[_-]?secret)['\"]?"
        r"(?: ?(?:=|:|:=|=>) ?| is )['\"]?[A-Za-z0-9!#$%&*+./?@^_~-]{8,20}",
        check=checking.random(bits=2.75, after=" =:'\""),
        run=ALNUM + "!#$%&*+/?@^_~-=.",
        literals=(
            *("passw", "pwd", "passphrase", "contraseña", "secret", "api_key", "api-key", "apikey"),
            *(
                "access_token",
                "access-token",
                "accesstoken",
                "auth_token",
                "auth-token",
                "authtoken",
            ),
        ),
        source="assignments of what calls itself a secret, with 2.75 bits a character and a digit",
        hits=('password = "hunter2Secret9"', "api_key: 8f3kq0zpx1", "the password is xK9mPq2vLw"),
        misses=("password = os.environ['PASSWORD']", "password: required", "secret = " + "a1" * 6),
    ),
    Pattern(
        kind="password",
        head=r"(?i:authorization['\"]?: ?['\"]?(?:basic|bearer)) [A-Za-z0-9+/=._~-]{8,20}",
        check=checking.random(bits=2.75, after=" "),
        run=ALNUM + "+/=._~-",
        literals=("authorization",),
        source="RFC 7617, RFC 6750",
        hits=("Authorization: Basic YWxpY2U6b3BlbjEyMw", "authorization: bearer abc123def456ghi7"),
        misses=("Authorization: Bearer TOKEN",),
    ),
)

SECRETS = ISSUED + WRITTEN
