"""Runs in LiteLLM's own environment: how often its content filter looks at an answer, and at how much of it.

Reads `{"patterns": {name: regex}, "pieces": [...]}` on stdin; writes looks and characters looked at.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter import (
    ContentFilterGuardrail,
)
from litellm.types.guardrails import ContentFilterAction, ContentFilterPattern, GuardrailEventHooks
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices


class Counting(ContentFilterGuardrail):
    """The filter, noting what it is shown at the place where it looks."""

    looked: list[int]

    def _filter_single_text(self, text: str, *args: object, **options: object) -> str:
        self.looked.append(len(text))
        return str(super()._filter_single_text(text, *args, **options))


async def chunks(pieces: list[str]) -> AsyncIterator[ModelResponseStream]:
    """The pieces as the proxy hands them to its guardrails."""
    for piece in pieces:
        yield ModelResponseStream(choices=[StreamingChoices(index=0, delta=Delta(content=piece))])
    yield ModelResponseStream(choices=[StreamingChoices(index=0, delta=Delta(), finish_reason="stop")])


async def main() -> None:
    """Look at the pieces of stdin."""
    asked = json.loads(sys.stdin.read())
    filtering = Counting(
        guardrail_name="leaks",
        event_hook=GuardrailEventHooks.post_call,
        patterns=[
            ContentFilterPattern(
                pattern_type="regex", name=name, pattern=pattern, action=ContentFilterAction.MASK
            )
            for name, pattern in asked["patterns"].items()
        ],
    )
    filtering.looked = []
    answer = filtering.async_post_call_streaming_iterator_hook(
        UserAPIKeyAuth(), chunks(asked["pieces"]), {"model": "scripted"}
    )
    async for _ in answer:
        pass
    print("RESULTS " + json.dumps([len(filtering.looked), sum(filtering.looked)]))


asyncio.run(main())
