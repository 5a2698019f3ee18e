"""What a gateway tells of itself: to whoever holds the control token, and to the console."""

from gateway.blocked import BlockedExchange
from gateway.engine import Engine
from gateway.metrics import product_version
from gateway.record import MODE_TO_PROTO
from gateway.rollout import Lease
from gateway.v1 import control_pb2 as pb
from gateway.wire import RISK_TO_PROTO, SIDE_TO_PROTO


def state(engine: Engine) -> pb.GetStatusResponse:
    """What is configured, what is on, how much is going on, what was blocked of late."""
    switchboard, tap = engine.switchboard, engine.tap
    return pb.GetStatusResponse(
        version=product_version(),
        rollout_version=switchboard.rollout.version,
        defenses=_defenses(engine),
        models=engine.models,
        tap=pb.TapStatus(connected=tap.connected, offered=tap.offered, dropped=tap.dropped) if tap else None,
        active=engine.active,
        routes=[
            pb.RouteStatus(models=route.models, may_be_off=sorted(route.may_be_off))
            for route in engine.routes
        ],
        lease_grace_seconds=switchboard.grace,
        blocked=[_blocked(exchange) for exchange in engine.blocked],
    )


def _defenses(engine: Engine) -> list[pb.DefenseStatus]:
    rollout, now = engine.switchboard.rollout, engine.switchboard.now()
    statuses = []
    for layer in engine.layers:
        row = rollout.rows[layer.name]
        statuses.append(
            pb.DefenseStatus(
                defense=layer.name,
                risk=RISK_TO_PROTO[layer.risk],
                mode=MODE_TO_PROTO[row.mode],
                weight=row.weight,
                holdback=row.holdback,
                killed=layer.name in rollout.killed,
                salt=row.salt,
                epoch=row.epoch,
                lease=_lease(row.lease, now),
                configured_mode=MODE_TO_PROTO[layer.mode],
                share=rollout.share(layer.name),
            )
        )
    return statuses


def _lease(lease: Lease | None, now: float) -> pb.LeaseStatus | None:
    if lease is None:
        return None
    return pb.LeaseStatus(holder=lease.holder, seconds=lease.seconds, seconds_left=lease.until - now)


def _blocked(exchange: BlockedExchange) -> pb.BlockedExchange:
    told = pb.BlockedExchange(
        exchange_id=exchange.id,
        spans=[
            pb.BlockedSpan(
                defense=span.defense, label=span.label, side=SIDE_TO_PROTO[span.side], length=span.length
            )
            for span in exchange.spans
        ],
    )
    told.at.FromNanoseconds(int(exchange.at * 1e9))
    return told
