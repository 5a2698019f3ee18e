import datetime

from gateway.v1 import gateway_pb2 as _gateway_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CanaryAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANARY_ACTION_UNSPECIFIED: _ClassVar[CanaryAction]
    CANARY_ACTION_START: _ClassVar[CanaryAction]
    CANARY_ACTION_PAUSE: _ClassVar[CanaryAction]
    CANARY_ACTION_RESUME: _ClassVar[CanaryAction]
    CANARY_ACTION_PROMOTE: _ClassVar[CanaryAction]
    CANARY_ACTION_ABORT: _ClassVar[CanaryAction]
CANARY_ACTION_UNSPECIFIED: CanaryAction
CANARY_ACTION_START: CanaryAction
CANARY_ACTION_PAUSE: CanaryAction
CANARY_ACTION_RESUME: CanaryAction
CANARY_ACTION_PROMOTE: CanaryAction
CANARY_ACTION_ABORT: CanaryAction

class GetCanariesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCanariesResponse(_message.Message):
    __slots__ = ("canaries", "leading", "leader", "problem")
    CANARIES_FIELD_NUMBER: _ClassVar[int]
    LEADING_FIELD_NUMBER: _ClassVar[int]
    LEADER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    canaries: _containers.RepeatedCompositeFieldContainer[Canary]
    leading: bool
    leader: str
    problem: str
    def __init__(self, canaries: _Optional[_Iterable[_Union[Canary, _Mapping]]] = ..., leading: _Optional[bool] = ..., leader: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class Canary(_message.Message):
    __slots__ = ("defense", "risk", "digest", "run", "state", "weights", "readings", "progress", "prospect", "disagreements")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PROSPECT_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    defense: str
    risk: _gateway_pb2.Risk
    digest: str
    run: int
    state: CanaryState
    weights: _containers.RepeatedScalarFieldContainer[float]
    readings: _containers.RepeatedCompositeFieldContainer[CanaryReading]
    progress: CanaryProgress
    prospect: CanaryProspect
    disagreements: _containers.RepeatedCompositeFieldContainer[Disagreement]
    def __init__(self, defense: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., digest: _Optional[str] = ..., run: _Optional[int] = ..., state: _Optional[_Union[CanaryState, _Mapping]] = ..., weights: _Optional[_Iterable[float]] = ..., readings: _Optional[_Iterable[_Union[CanaryReading, _Mapping]]] = ..., progress: _Optional[_Union[CanaryProgress, _Mapping]] = ..., prospect: _Optional[_Union[CanaryProspect, _Mapping]] = ..., disagreements: _Optional[_Iterable[_Union[Disagreement, _Mapping]]] = ...) -> None: ...

class CanaryState(_message.Message):
    __slots__ = ("stage", "step", "weight", "since", "held", "paused")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    stage: str
    step: int
    weight: float
    since: _timestamp_pb2.Timestamp
    held: str
    paused: bool
    def __init__(self, stage: _Optional[str] = ..., step: _Optional[int] = ..., weight: _Optional[float] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: _Optional[str] = ..., paused: _Optional[bool] = ...) -> None: ...

class CanaryReading(_message.Message):
    __slots__ = ("measure", "role", "log_harm", "log_harm_ever", "log_unharmed", "log_mismatch", "treated", "control", "treated_violations", "control_violations", "margin")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LOG_HARM_FIELD_NUMBER: _ClassVar[int]
    LOG_HARM_EVER_FIELD_NUMBER: _ClassVar[int]
    LOG_UNHARMED_FIELD_NUMBER: _ClassVar[int]
    LOG_MISMATCH_FIELD_NUMBER: _ClassVar[int]
    TREATED_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    TREATED_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    measure: str
    role: str
    log_harm: float
    log_harm_ever: float
    log_unharmed: float
    log_mismatch: float
    treated: int
    control: int
    treated_violations: int
    control_violations: int
    margin: float
    def __init__(self, measure: _Optional[str] = ..., role: _Optional[str] = ..., log_harm: _Optional[float] = ..., log_harm_ever: _Optional[float] = ..., log_unharmed: _Optional[float] = ..., log_mismatch: _Optional[float] = ..., treated: _Optional[int] = ..., control: _Optional[int] = ..., treated_violations: _Optional[int] = ..., control_violations: _Optional[int] = ..., margin: _Optional[float] = ...) -> None: ...

class CanaryProgress(_message.Message):
    __slots__ = ("exchanges", "exchanges_floor", "units", "units_floor", "seconds", "seconds_floor", "seconds_most", "treated", "failed", "shadowed", "p99_seconds")
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FLOOR_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FLOOR_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FLOOR_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MOST_FIELD_NUMBER: _ClassVar[int]
    TREATED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SHADOWED_FIELD_NUMBER: _ClassVar[int]
    P99_SECONDS_FIELD_NUMBER: _ClassVar[int]
    exchanges: int
    exchanges_floor: int
    units: int
    units_floor: int
    seconds: float
    seconds_floor: float
    seconds_most: float
    treated: int
    failed: int
    shadowed: int
    p99_seconds: float
    def __init__(self, exchanges: _Optional[int] = ..., exchanges_floor: _Optional[int] = ..., units: _Optional[int] = ..., units_floor: _Optional[int] = ..., seconds: _Optional[float] = ..., seconds_floor: _Optional[float] = ..., seconds_most: _Optional[float] = ..., treated: _Optional[int] = ..., failed: _Optional[int] = ..., shadowed: _Optional[int] = ..., p99_seconds: _Optional[float] = ...) -> None: ...

class CanaryProspect(_message.Message):
    __slots__ = ("measure", "violations", "exchanges", "seconds")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    measure: str
    violations: float
    exchanges: float
    seconds: float
    def __init__(self, measure: _Optional[str] = ..., violations: _Optional[float] = ..., exchanges: _Optional[float] = ..., seconds: _Optional[float] = ...) -> None: ...

class Disagreement(_message.Message):
    __slots__ = ("stratum", "label", "candidate", "production", "count", "exchanges")
    STRATUM_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    PRODUCTION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    stratum: str
    label: str
    candidate: str
    production: str
    count: int
    exchanges: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stratum: _Optional[str] = ..., label: _Optional[str] = ..., candidate: _Optional[str] = ..., production: _Optional[str] = ..., count: _Optional[int] = ..., exchanges: _Optional[_Iterable[str]] = ...) -> None: ...

class SteerCanaryRequest(_message.Message):
    __slots__ = ("defense", "action", "actor", "reason", "override")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    defense: str
    action: CanaryAction
    actor: str
    reason: str
    override: bool
    def __init__(self, defense: _Optional[str] = ..., action: _Optional[_Union[CanaryAction, str]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., override: _Optional[bool] = ...) -> None: ...

class SteerCanaryResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: CanaryState
    def __init__(self, state: _Optional[_Union[CanaryState, _Mapping]] = ...) -> None: ...

class GetCanaryHistoryRequest(_message.Message):
    __slots__ = ("defense",)
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    defense: str
    def __init__(self, defense: _Optional[str] = ...) -> None: ...

class GetCanaryHistoryResponse(_message.Message):
    __slots__ = ("transitions",)
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    transitions: _containers.RepeatedCompositeFieldContainer[CanaryTransition]
    def __init__(self, transitions: _Optional[_Iterable[_Union[CanaryTransition, _Mapping]]] = ...) -> None: ...

class CanaryTransition(_message.Message):
    __slots__ = ("number", "run", "at", "decision", "reason", "about", "actor", "words", "before", "after", "done", "evidence_json")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_JSON_FIELD_NUMBER: _ClassVar[int]
    number: int
    run: int
    at: _timestamp_pb2.Timestamp
    decision: str
    reason: str
    about: str
    actor: str
    words: str
    before: CanaryState
    after: CanaryState
    done: bool
    evidence_json: str
    def __init__(self, number: _Optional[int] = ..., run: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision: _Optional[str] = ..., reason: _Optional[str] = ..., about: _Optional[str] = ..., actor: _Optional[str] = ..., words: _Optional[str] = ..., before: _Optional[_Union[CanaryState, _Mapping]] = ..., after: _Optional[_Union[CanaryState, _Mapping]] = ..., done: _Optional[bool] = ..., evidence_json: _Optional[str] = ...) -> None: ...
