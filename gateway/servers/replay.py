"""ReplayService on the control socket: what the monitors ask to run again."""

from typing import Any, TypeAlias

import grpc

from gateway.errors import InvalidRequestError
from gateway.replays import Replays
from gateway.servers.status import log_failure, public_message, status_of
from gateway.servers.token import Token
from gateway.types import Generation
from gateway.v1 import replay_pb2 as pb
from gateway.v1 import replay_pb2_grpc
from gateway.wire import message_from_proto

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
GENERATIONS: dict[pb.Generation, Generation] = {
    pb.GENERATION_NEVER: "never",
    pb.GENERATION_NEEDED: "needed",
    pb.GENERATION_ALWAYS: "always",
}


class ReplayServicer(replay_pb2_grpc.ReplayServiceServicer):
    """Every call is checked for the token before it is looked at."""

    def __init__(self, replays: Replays, token: Token) -> None:
        self._replays = replays
        self._token = token

    async def Replay(self, request: pb.ReplayRequest, context: _Context) -> pb.ReplayResponse:  # noqa: N802
        """Answers when the replay has ended."""
        await self._token.check(context)
        try:
            return await self._run(request)
        except Exception as error:
            log_failure(error)
            failure = status_of(error).grpc, public_message(error)
        await context.abort(*failure)
        raise AssertionError("abort always raises")

    async def _run(self, request: pb.ReplayRequest) -> pb.ReplayResponse:
        generation = GENERATIONS.get(request.generation)
        if generation is None:
            raise InvalidRequestError("generation: must be never, needed or always", "generation")
        if not request.record.exchange_id:
            raise InvalidRequestError("record: needs the exchange to replay", "record")
        prompt = tuple(map(message_from_proto, request.prompt))
        made = await self._replays.run(request.record, frozenset(request.on), generation, prompt)
        return pb.ReplayResponse(record=made.record, generated=made.generated)
