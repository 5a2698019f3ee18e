"""The benchmark of the monitors asks every measure about records that differ."""

from benchmarks.monitors import PASS, VIEWS, records, single, together
from monitors.shipped import shipped
from monitors.view import delivered_view, prompt_view


def test_every_measure_is_timed_on_texts_of_its_own() -> None:
    made = list(records(24, seed=1))
    assert len({one.prompt[-1].content for one in made} | {one.delivered.content for one in made}) == 48

    spent = single(shipped(), count=4)
    assert spent.keys() == {PASS, VIEWS, *(monitor.measure.name for monitor in shipped())}
    assert all(0 < time < 1e6 for time in spent.values())


def test_the_records_put_the_measures_to_work() -> None:

    applied = {
        monitor.measure.name
        for made in records(24, seed=1)
        for monitor in shipped()
        if monitor.score(prompt_view(made), delivered_view(made)) is not None
    }
    assert applied >= {"attack_let_through", "private_request_compliance", "over_refusal", "planted_leak"}
    assert applied >= {"system_prompt_leak", "stereotyped_answer", "identity_refusal"}
    assert all(0 < time < 1e6 for time in together(shipped(), 4))
