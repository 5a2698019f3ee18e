"""Which exchanges a measure scores, where it scores but a share: decided before anything is known of them."""

import hashlib

from gateway.v1 import record_pb2

_SPAN = 1 << 64


def place(record: record_pb2.Record, purpose: bytes = b"measure") -> float:
    """Where in [0, 1) an exchange stands; a replay stands where the exchange stands that it replays.

    A hash of the exchange's id, which knows neither arm nor outcome. All measures ask for the same place,
    so that a smaller share lies within a larger one and those that read the same text read it together.
    """
    return drawn(record.replay_of or record.exchange_id, purpose)


def drawn(name: str, purpose: bytes) -> float:
    """A number in [0, 1) that depends on a name and a purpose (at most 16 bytes) alone.

    >>> drawn("a", b"x") == drawn("a", b"x"), drawn("a", b"x") == drawn("a", b"y")
    (True, False)
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=purpose)
    return int.from_bytes(digest.digest()) / _SPAN
