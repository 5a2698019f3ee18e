import random

from monitors.effects.firsts import Firsts, Generations


def test_only_first_exchanges_and_first_violations_count() -> None:
    firsts = Firsts()
    assert firsts.of(b"u", 1, 0b11, 0b00) == firsts.of(b"v", 1, 0b11, 0b00)
    later = firsts.of(b"u", 1, 0b111, 0b011)
    assert (later.eligible, later.violated) == (0b100, 0b011)
    assert firsts.of(b"u", 1, 0b111, 0b011).violated == 0


def test_a_new_epoch_begins_anew() -> None:
    firsts = Firsts()
    assert firsts.of(b"u", 1, 1, 1) == firsts.of(b"u", 2, 1, 1)
    assert firsts.of(b"u", 2, 1, 1).eligible == 0


def test_duplicates_are_told_by_exchange_and_measure() -> None:
    firsts = Firsts()
    assert firsts.undelivered("e", 0b01) == 0b01
    assert firsts.undelivered("e", 0b11) == 0b10
    assert firsts.undelivered("e", 0b11) == 0


def test_memory_is_bounded_and_what_is_in_use_is_kept() -> None:
    seen = Generations(capacity=100)
    for key in range(10_000):
        seen.add(key, 1)
        assert seen.add(-1, 1) == (1 if key == 0 else 0)
    assert len(seen) <= 200
    assert seen.forgotten >= 9_700


def test_generations_agree_with_a_set_while_nothing_is_forgotten() -> None:
    rng, plain, seen = random.Random(3), dict[int, int](), Generations(capacity=60)
    for _ in range(2000):
        key, bits = rng.randrange(50), rng.randrange(16)
        assert seen.add(key, bits) == bits & ~plain.get(key, 0)
        plain[key] = plain.get(key, 0) | bits
        assert seen.get(key) == plain[key]
    assert dict(seen.items()) == plain
