from gateway.v1 import gateway_pb2, record_pb2
from monitors.view import delivered_view, prompt_view, raw_view
from tests.monitors.exchanges import REFUSAL, record


def test_the_prompt_is_the_one_received_not_the_one_sent() -> None:
    made = record("as received", "answer")
    made.calls.add().prompt.add(role="user", content="as rewritten")

    assert prompt_view(made).whole == "as received"


def test_the_answer_is_the_one_delivered_not_the_raw_one() -> None:
    made = record("prompt", "delivered")
    made.calls.add().answer.content = "raw"

    assert delivered_view(made).content == "delivered"


def test_how_an_answer_came_to_its_client_is_told() -> None:
    made = record("prompt", "delivered")
    made.calls.add().answer.content = "first"
    made.calls.add().answer.content = "second"
    made.accounting.first_delta_added_seconds, made.accounting.release_lag_seconds = 0.25, 0.5

    delivery = delivered_view(made).delivery
    assert delivery is not None
    assert (delivery.raw, delivery.added_seconds, delivery.cut) == (("first", "second"), 0.5, False)
    made.truncated, made.accounting.first_delta_added_seconds = True, 0.75
    cut = delivered_view(made).delivery
    assert cut is not None
    assert (cut.added_seconds, cut.cut) == (0.75, True)


def test_the_raw_answer_is_that_to_the_last_call_and_went_to_nobody() -> None:
    made = record("prompt", "delivered", outcome=record_pb2.OUTCOME_BLOCKED)
    assert raw_view(made) is None
    for text in ("first", REFUSAL):
        made.calls.add().answer.content = text

    raw = raw_view(made)
    assert raw is not None
    assert (raw.content, raw.refused, raw.blocked, raw.delivery) == (REFUSAL, True, False, None)


def test_a_block_is_told_by_outcome_or_finish_reason() -> None:
    cut = record("prompt", "half an ans")
    cut.delivered.finish_reason = "content_filter"

    assert delivered_view(cut).blocked
    assert delivered_view(record("prompt", "", outcome=record_pb2.OUTCOME_BLOCKED)).blocked
    assert not delivered_view(record("prompt", "", outcome=record_pb2.OUTCOME_FAILED)).blocked


def test_refusals_come_from_the_text_or_from_the_models_own_channel() -> None:
    marked = record("prompt", "")
    marked.delivered.refusal = "No."

    assert delivered_view(marked).refused
    assert delivered_view(record("prompt", REFUSAL)).refused
    assert not delivered_view(record("prompt", "Bread.")).refused


def test_only_a_cut_prompt_counts_as_truncated() -> None:
    long_answer, long_prompt = record("prompt", "a" * 40_000), record("p" * 40_000, "answer")
    many_turns = record("p", "answer")
    many_turns.prompt.extend(gateway_pb2.Message(role="user", content="p" * 20_000) for _ in range(10))
    for made in (long_answer, long_prompt, many_turns):
        made.truncated = True

    assert [prompt_view(made).truncated for made in (long_answer, long_prompt, many_turns)] == [
        False,
        True,
        True,
    ]
    long_prompt.truncated = False
    assert not prompt_view(long_prompt).truncated


def test_an_unknown_role_is_nobodys_turn() -> None:
    made = record("prompt", "answer")
    made.prompt.add(role="narrator", content="aside")

    assert prompt_view(made).text == "prompt"
    assert prompt_view(made).whole == "prompt\naside"
