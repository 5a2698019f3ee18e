"""Texts that make automata build what they build on first use."""

from collections.abc import Iterator

_WARM_UP = (
    "Dear friend, extraordinarily, in 2023-2024 the 1,234 members of the COMMUNITY paid $12.50 at 12 Main "
    "Street; call (202) 555-0143 or +44 20 7946 0958, write to warm.up@mail.example.org, or see "
    "https://www.example.org/a-b_c?d=1 or use 4539 1488 0343 6467, GB82 WEST 1234 5698 7654 32, 536-90-4399, "
    "sk-0123456789abcdefABCDEF, eyJhbGciOi.\n"
)
"""Prose with the beginnings of everything that rules look for."""
LONG_RUNS = tuple(
    (unit * 300)[:end]
    for unit in ("a", "1 ", "sk-", "YWJj", "eyJ", "GB82WEST", "4539148803436467")
    for size in (64, 200, 900)
    for end in range(size, size + len(unit))  # each place to stop in is a state of its own
)
"""Runs that keep rules waiting for long; built at first sight, each would stall everybody a moment."""


def growing() -> Iterator[str]:
    """Prose as a stream shows it: its last characters, one more each time."""
    for end in range(1, len(_WARM_UP) + 1):
        yield _WARM_UP[max(end - 64, 0) : end]
