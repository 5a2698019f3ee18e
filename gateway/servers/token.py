"""The bearer token that every call over the control socket carries."""

import hmac
from typing import Any

import grpc


class Token:
    """Checks a call's metadata for the token, in constant time."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def check(self, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        """End the call with UNAUTHENTICATED where the token is missing or another."""
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        given_bytes = given if isinstance(given, bytes) else str(given).encode()
        if not hmac.compare_digest(given_bytes, self._expected):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "send metadata `authorization: Bearer <token>`"
            )
