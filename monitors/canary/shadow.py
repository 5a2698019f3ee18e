"""Shadow: what the candidate would have said beside what production said, by label and kind of exchange."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.v1 import record_pb2
from gateway.wire import ACTION_FROM_PROTO

EXAMPLES = 5
"""Ids of exchanges that are kept of each row."""
MAX_ROWS = 500
"""Rows; what would need another one is counted as left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """label: of the first finding of the candidate, else of production; verdicts are actions or `pass`."""

    stratum: str
    label: str
    candidate: str
    production: str

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return self.candidate == self.production


@dataclass(slots=True)
class Tallied:
    """How often, and the first exchanges by id."""

    count: int = 0
    exchanges: list[str] = field(default_factory=list)


class Disagreements:
    """Counts verdicts of one candidate; texts are not kept."""

    def __init__(self) -> None:
        self.left_out = 0
        self._rows: dict[Place, Tallied] = {}

    def add(self, live: record_pb2.Record, candidate: record_pb2.DefenseRecord) -> None:
        """Compare one exchange of traffic with what the candidate said of it in a replay."""
        others = [one for one in live.defenses if one.on and one.defense != candidate.defense]
        production = max(others, key=lambda one: one.would, default=None)
        verdict = _verdict(candidate)
        other = _verdict(production) if production is not None else "pass"
        place = Place(live.stratum, _label(candidate) or _label(production) or "none", verdict, other)
        row = self._rows.get(place)
        if row is None:
            if len(self._rows) >= MAX_ROWS:
                self.left_out += 1
                return
            row = self._rows[place] = Tallied()
        row.count += 1
        if len(row.exchanges) < EXAMPLES:
            row.exchanges.append(live.exchange_id)

    def __iter__(self) -> Iterator[tuple[Place, Tallied]]:
        """Rows, disagreements and what is frequent first."""
        return iter(sorted(self._rows.items(), key=lambda row: (row[0].agrees, -row[1].count)))


def _verdict(one: record_pb2.DefenseRecord) -> str:
    return str(ACTION_FROM_PROTO.get(one.would, "") or "pass")


def _label(one: record_pb2.DefenseRecord | None) -> str:
    return one.findings[0].label if one is not None and one.findings else ""
