"""Who judges which texts: the detectors of one side, by role of a turn, and in one exchange."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.member import Member
from gateway.text import views
from gateway.types import Exchange, Role, Side

if TYPE_CHECKING:  # a detector is a defense through the group it forms, so the import would be a cycle
    from gateway.detector import Detector


class Crew:
    """Detectors that look through one window, by name, and what that takes: the same for every text."""

    __slots__ = ("aligning", "detectors", "lookbehind", "reads", "side", "waiting")

    def __init__(self, detectors: "Sequence[tuple[str, Detector]]", side: Side) -> None:
        self.detectors = tuple(detectors)
        self.side = side
        looking = [detector for _, detector in detectors]
        self.waiting = sum(not detector.inline for detector in looking)
        self.aligning = [detector.align for detector in looking if detector.lookahead is not None]
        self.reads = any(detector.normalise for detector in looking)
        self.lookbehind = max([views.LOOKBEHIND, *(detector.lookbehind for detector in looking)])

    def members(self, exchange: Exchange) -> list[Member]:
        """The crew of one exchange."""
        return [
            Member(name, detector.within(exchange), exchange, self.side) for name, detector in self.detectors
        ]


class Panel:
    """Those of a group who judge one side: a crew that may change a text, and one that only flags."""

    __slots__ = ("_by_role", "_detectors", "acting", "blocks", "flagging", "side")

    def __init__(self, detectors: "Iterable[tuple[str, Detector]]", side: Side) -> None:
        detectors = list(detectors)
        self.side = side
        self.acting = Crew([entry for entry in detectors if entry[1].action != "flag"], side)
        self.flagging = Crew([entry for entry in detectors if entry[1].action == "flag"], side)
        self.blocks = any(detector.action == "block" for _, detector in detectors)
        self._detectors = detectors
        self._by_role: dict[Role, Panel] = {}

    def of_role(self, role: Role) -> "Panel":
        """Those who judge the turns of `role`."""
        if role not in self._by_role:
            chosen = [entry for entry in self._detectors if role in entry[1].roles]
            self._by_role[role] = self if len(chosen) == len(self._detectors) else Panel(chosen, self.side)
        return self._by_role[role]

    def __bool__(self) -> bool:
        return bool(self.acting.detectors or self.flagging.detectors)


class Judges:
    """A panel in one exchange."""

    __slots__ = ("accounting", "acting", "flagging", "panel")

    def __init__(self, panel: Panel, exchange: Exchange) -> None:
        self.panel = panel
        self.acting = panel.acting.members(exchange)
        self.flagging = panel.flagging.members(exchange)
        # What a prompt waits is time before the model, not before a character of the answer.
        self.accounting = exchange.trail.accounting if panel.side == "output" else None
