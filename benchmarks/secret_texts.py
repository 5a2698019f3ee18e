"""Texts with made-up secrets, as their providers document them, and texts with what only looks like one.

Written beside the rules, not from them: the kinds are those that detect-secrets documents, and those that
people write into chats; each value is drawn anew.
"""

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
CAPITALS = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
Make = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and the secret in it; an empty secret is none."""

    kind: str
    carrier: str
    text: str
    secret: str


def of(alphabet: str, size: int) -> Make:
    """Random characters."""
    return lambda rng: "".join(rng.choices(alphabet, k=size))


def after(opening: str, alphabet: str, size: int) -> Make:
    """Random characters after a fixed beginning."""
    return lambda rng: opening + "".join(rng.choices(alphabet, k=size))


def _jwt(rng: random.Random) -> str:
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": str(rng.randrange(10**9)), "iat": rng.randrange(2 * 10**9)},
    )
    head = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*head, of(ALNUM + "_-", 43)(rng)])


def _private_key(rng: random.Random) -> str:
    body = base64.b64encode(rng.randbytes(600)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


def _chosen(rng: random.Random) -> str:
    words = ("Harbour", "velvet", "Tiger", "maple", "orbit", "Copper", "lantern", "Falcon")
    return rng.choice(words) + rng.choice("!#$%&_-") + rng.choice(words) + str(rng.randrange(10, 9999))


TOKENS: dict[str, Make] = {
    "AWS key id": after("AKIA", CAPITALS, 16),
    "GitHub": after("ghp_", ALNUM, 36),
    "GitLab": after("glpat-", ALNUM + "_-", 20),
    "Slack token": lambda rng: (
        f"xoxb-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**11, 10**12)}-{of(ALNUM, 24)(rng)}"
    ),
    "Slack webhook": lambda rng: (
        "https://hooks.slack.com/services/"
        f"T{of(CAPITALS, 8)(rng)}/B{of(CAPITALS, 8)(rng)}/{of(ALNUM, 24)(rng)}"
    ),
    "Stripe": after("sk_live_", ALNUM, 24),
    "SendGrid": lambda rng: f"SG.{of(ALNUM + '_-', 22)(rng)}.{of(ALNUM + '_-', 43)(rng)}",
    "npm": after("npm_", ALNUM, 36),
    "PyPI": after("pypi-AgEIcHlwaS5vcmc", ALNUM + "_-", 90),
    "Twilio": after("SK", HEX, 32),
    "Mailchimp": lambda rng: f"{of(HEX, 32)(rng)}-us{rng.randrange(1, 20)}",
    "Square": after("sq0csp-", ALNUM + "_-", 43),
    "Discord": lambda rng: (
        f"{after('M', ALNUM, 23)(rng)}.{of(ALNUM + '_-', 6)(rng)}.{of(ALNUM + '_-', 27)(rng)}"
    ),
    "Telegram": lambda rng: f"{rng.randrange(10**8, 10**10)}:AA{of(ALNUM + '_-', 33)(rng)}",
    "OpenAI": lambda rng: f"sk-proj-{of(ALNUM, 20)(rng)}T3BlbkFJ{of(ALNUM, 20)(rng)}",
    "Artifactory": after("AKC", ALNUM, 62),
    "JWT": _jwt,
    "private key": _private_key,
    "Anthropic": after("sk-ant-api03-", ALNUM + "_-", 93),
    "Google": after("AIza", ALNUM + "_-", 35),
    "Hugging Face": after("hf_", string.ascii_letters, 34),
    "DigitalOcean": after("dop_v1_", HEX, 64),
    "Databricks": after("dapi", HEX, 32),
}
"""Kinds that tell themselves."""
SETTINGS: dict[str, tuple[str, Make]] = {
    "AWS secret": ("aws_secret_access_key", of(ALNUM + "/+", 40)),
    "Azure storage": ("AccountKey", lambda rng: base64.b64encode(rng.randbytes(64)).decode()),
    "IBM Cloud": ("ibm_cloud_iam_api_key", of(ALNUM + "_-", 44)),
    "IBM COS": ("cos_hmac_secret_access_key", of(HEX, 48)),
    "SoftLayer": ("sl_api_key", of(HEX, 64)),
    "Cloudant": ("cloudant_password", of(HEX, 64)),
    "client secret": ("client_secret", of(ALNUM + "~._-", 40)),
    "token": ("auth_token", of(HEX, 40)),
    "password": ("db_password", _chosen),
    "short password": ("PASSWORD", of(ALNUM, 10)),
}
"""Kinds that only their name tells."""
CARRIERS = {
    "python": '{name} = "{secret}"',
    "env": "export {upper}={secret}",
    "yaml": '  {name}: "{secret}"',
    "prose": "Here is what you need for the {name}: {secret} and please keep it to yourself.",
}
SAID = (
    "My password is {secret}, can you check whether it is strong?",
    "I forgot to say, the wifi password for the office is {secret}.",
    "You can log in as jonas with the password {secret} until Friday.",
    "we just changed the admin password to {secret} because of the audit",
    "Server is up, credentials: root / {secret}",
    "postgres://app:{secret}@db.internal:5432/orders",
    "curl -u deploy https://deploy:{secret}@git.example.org/repo.git",
)


def positives(each: int, rng: random.Random) -> Iterator[Sample]:
    """Texts with one secret."""
    for kind, make in TOKENS.items():
        for carrier, form in CARRIERS.items():
            for _ in range(each):
                yield _sample(kind, carrier, form, "service", make(rng))
    for kind, (name, make) in SETTINGS.items():
        for carrier, form in CARRIERS.items():
            for _ in range(each):
                yield _sample(kind, carrier, form, name, make(rng))
    for form in SAID:
        for _ in range(2 * each):
            secret = _chosen(rng).replace("#", "_").replace("&", "-")
            yield Sample("said password", "said", form.format(secret=secret), secret)


def _sample(kind: str, carrier: str, form: str, name: str, secret: str) -> Sample:
    upper = name.upper()
    return Sample(kind, carrier, form.format(name=name, upper=upper, secret=secret), secret)


def _hash(name: str, rng: random.Random) -> str:
    return hashlib.new(name, rng.randbytes(16)).hexdigest()


NEAR_MISSES: dict[str, Make] = {
    "UUID": lambda rng: f'request_id = "{uuid.UUID(int=rng.getrandbits(128), version=4)}"',
    "UUID in prose": lambda rng: (
        f"The order {uuid.UUID(int=rng.getrandbits(128), version=4)} has not arrived yet."
    ),
    "commit": lambda rng: f"git checkout {_hash('sha1', rng)} and run the tests again",
    "short commit": lambda rng: f"Fixed in {_hash('sha1', rng)[:10]}, see the pull request.",
    "checksum": lambda rng: f'sha256: "{_hash("sha256", rng)}"',
    "md5": lambda rng: f"{_hash('md5', rng)}  archive.tar.gz",
    "lock file": lambda rng: f'"integrity": "sha512-{base64.b64encode(rng.randbytes(64)).decode()}"',
    "image": lambda rng: (
        f'<img src="data:image/png;base64,iVBORw0KGgo{base64.b64encode(rng.randbytes(150)).decode()}">'
    ),
    "colour": lambda rng: f'background: "#{of(HEX, 6)(rng)}";',
    "placeholder": lambda rng: rng.choice(
        (
            'api_key = "your_api_key_here"',
            "export OPENAI_API_KEY=sk-your-key-goes-here",
            'password: "<your password>"',
            "token: ${GITHUB_TOKEN}",
            'secret = "changeme"',
            'auth_token = "xxxxxxxxxxxxxxxxxxxx"',
            "db_password: {{ vault_db_password }}",
        )
    ),
    "code": lambda rng: rng.choice(
        (
            'password = os.environ["DB_PASSWORD"]',
            "token = tokenizer.encode(text)[0]",
            "api_key: str = Field(default_factory=read_api_key)",
            "if token == self.expected_token: return True",
            "const secret = await getSecretValue(secretName);",
            "def reset_password(user, new_password=None):",
            "max_tokens=4096, temperature=0.7",
        )
    ),
    "talk": lambda rng: rng.choice(
        (
            "The password is required and must be case-sensitive.",
            "A token is about four characters of English text.",
            "Your password must have 12 characters and a digit.",
            "The secret is out: they were married in 1998.",
            "My key point is that the password policy changed in 2021.",
            "Please reset the password to something you can remember.",
            "The api key is stored in the vault, ask the platform team.",
        )
    ),
    "identifier": lambda rng: (
        f"ISBN 978-3-16-14841{rng.randrange(10)}-0, build 2024.{rng.randrange(13)}.{rng.randrange(400)}-rc1"
    ),
    "long name": lambda rng: (
        f"com.example.service.internal.{of(string.ascii_lowercase, 30)(rng)}.Handler{rng.randrange(9)}"
    ),
    "public key": lambda rng: (
        f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{base64.b64encode(rng.randbytes(90)).decode()} ana@host"
    ),
}


def near_misses(each: int, rng: random.Random) -> Iterator[Sample]:
    """Texts without a secret."""
    for kind, make in NEAR_MISSES.items():
        for _ in range(each):
            yield Sample(kind, "", make(rng), "")
