"""The gateway's end of the tap: takes records without ever waiting, sends them when the monitors listen."""

import asyncio
import contextlib
from collections import deque
from pathlib import Path
from typing import TypeAlias, cast

import grpc

from gateway.metrics import GatewayMetrics
from gateway.v1 import record_pb2 as pb

_METHOD = "/gateway.v1.TapService/Publish"
_RETRY = 1.0

_Publish: TypeAlias = "grpc.aio.StreamUnaryCall[pb.PublishRequest, pb.PublishResponse]"


class Tap:
    """A bounded number of places between the gateway and the monitors.

    A place is reserved when an exchange starts, before its outcome or its arm can bias which
    records get through; without a place the record is dropped and counted.
    """

    def __init__(self, socket: Path, capacity: int, metrics: GatewayMetrics) -> None:
        self.connected = False
        self.offered = 0
        self.dropped = 0
        self._socket = socket
        self._capacity = capacity
        self._metrics = metrics
        self._taken = 0
        self._records: deque[pb.Record] = deque()
        self._filled = asyncio.Event()

    def reserve(self) -> bool:
        """Take a place for an exchange that starts now; `publish` or `forfeit` answers every True."""
        self.offered += 1
        self._metrics.tap_offered.inc()
        if self._taken >= self._capacity:
            self._drop("full")
            return False
        self._take(1)
        return True

    def forfeit(self) -> None:
        """Give a reserved place back: there is no record to fill it."""
        self._take(-1)
        self._drop("unrecordable")

    def publish(self, record: pb.Record) -> None:
        """Fill a reserved place."""
        self._records.append(record)
        self._filled.set()

    async def run(self) -> None:
        """Send records for ever; monitors may come, go and hang as they like."""
        # No message is ever retried by the library: a record is sent once or dropped and counted.
        options = [("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 2000)]
        async with grpc.aio.insecure_channel(f"unix:{self._socket}", options=options) as channel:
            publish = channel.stream_unary(
                _METHOD,
                request_serializer=pb.PublishRequest.SerializeToString,
                response_deserializer=pb.PublishResponse.FromString,
            )
            while True:
                await channel.channel_ready()
                with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await self._send(cast("_Publish", publish()))
                self.connected = False
                await asyncio.sleep(_RETRY)

    async def _send(self, call: _Publish) -> None:
        self.connected = True
        call.add_done_callback(lambda _: self._filled.set())
        while not call.done():
            if self._records:
                await self._write(call, self._records.popleft())
            else:
                self._filled.clear()
                await self._filled.wait()

    async def _write(self, call: _Publish, record: pb.Record) -> None:
        try:
            await call.write(pb.PublishRequest(record=record))
        except BaseException:
            self._drop("disconnected")
            raise
        finally:
            self._take(-1)

    def _take(self, places: int) -> None:
        self._taken += places
        self._metrics.tap_depth.set(self._taken)

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        self._metrics.tap_dropped.labels(reason).inc()
