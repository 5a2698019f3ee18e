"""The floor: the least a gRPC proxy in Python can do, passing bytes on and keeping no promise.

::

    python -m benchmarks.floor HOST:PORT    # prints its own address as JSON, serves until SIGTERM
"""

import asyncio
import json
import signal
import sys
from typing import Any

import grpc
import uvloop


class Relay(grpc.GenericRpcHandler):
    """Sends each request to the same method of the upstream and each message back, unread."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._handlers: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        """The relay of a method, made when it is first called."""
        method = handler_call_details.method
        if method not in self._handlers:
            self._handlers[method] = grpc.unary_stream_rpc_method_handler(self._relay(method))
        return self._handlers[method]

    def _relay(self, method: str) -> Any:
        call: Any = self._channel.unary_stream(method)

        async def relay(request: bytes, context: Any) -> None:
            async for message in call(request):
                await context.write(message)

        return relay


async def main(upstream: str) -> None:
    """Relay to `upstream` until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with grpc.aio.insecure_channel(upstream) as channel:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Relay(channel),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(json.dumps({"grpc": f"127.0.0.1:{port}"}), flush=True)
        await stop.wait()
        await server.stop(None)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
