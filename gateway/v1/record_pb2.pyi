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

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_COMPLETED: _ClassVar[Outcome]
    OUTCOME_BLOCKED: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_CANCELLED: _ClassVar[Outcome]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_OFF: _ClassVar[Mode]
    MODE_SHADOW: _ClassVar[Mode]
    MODE_CANARY: _ClassVar[Mode]
    MODE_ENFORCE: _ClassVar[Mode]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_COMPLETED: Outcome
OUTCOME_BLOCKED: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_CANCELLED: Outcome
MODE_UNSPECIFIED: Mode
MODE_OFF: Mode
MODE_SHADOW: Mode
MODE_CANARY: Mode
MODE_ENFORCE: Mode

class PublishRequest(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: Record
    def __init__(self, record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("received",)
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    received: int
    def __init__(self, received: _Optional[int] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("exchange_id", "model", "started", "finished", "prompt", "calls", "delivered", "defenses", "outcome", "rollout_version", "unit_hash", "unit_source", "stratum", "replay_of", "truncated", "accounting", "parameters")
    EXCHANGE_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    DEFENSES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNIT_HASH_FIELD_NUMBER: _ClassVar[int]
    UNIT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    STRATUM_FIELD_NUMBER: _ClassVar[int]
    REPLAY_OF_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTING_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    exchange_id: str
    model: str
    started: _timestamp_pb2.Timestamp
    finished: _timestamp_pb2.Timestamp
    prompt: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.Message]
    calls: _containers.RepeatedCompositeFieldContainer[Call]
    delivered: Answer
    defenses: _containers.RepeatedCompositeFieldContainer[DefenseRecord]
    outcome: Outcome
    rollout_version: int
    unit_hash: bytes
    unit_source: str
    stratum: str
    replay_of: str
    truncated: bool
    accounting: _gateway_pb2.Accounting
    parameters: bytes
    def __init__(self, exchange_id: _Optional[str] = ..., model: _Optional[str] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., prompt: _Optional[_Iterable[_Union[_gateway_pb2.Message, _Mapping]]] = ..., calls: _Optional[_Iterable[_Union[Call, _Mapping]]] = ..., delivered: _Optional[_Union[Answer, _Mapping]] = ..., defenses: _Optional[_Iterable[_Union[DefenseRecord, _Mapping]]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., rollout_version: _Optional[int] = ..., unit_hash: _Optional[bytes] = ..., unit_source: _Optional[str] = ..., stratum: _Optional[str] = ..., replay_of: _Optional[str] = ..., truncated: _Optional[bool] = ..., accounting: _Optional[_Union[_gateway_pb2.Accounting, _Mapping]] = ..., parameters: _Optional[bytes] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("prompt", "answer", "seconds", "model", "steered")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STEERED_FIELD_NUMBER: _ClassVar[int]
    prompt: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.Message]
    answer: Answer
    seconds: float
    model: str
    steered: bool
    def __init__(self, prompt: _Optional[_Iterable[_Union[_gateway_pb2.Message, _Mapping]]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., seconds: _Optional[float] = ..., model: _Optional[str] = ..., steered: _Optional[bool] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("content", "reasoning", "refusal", "tool_calls", "finish_reason")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    content: str
    reasoning: str
    refusal: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.ToolCall]
    finish_reason: str
    def __init__(self, content: _Optional[str] = ..., reasoning: _Optional[str] = ..., refusal: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[_gateway_pb2.ToolCall, _Mapping]]] = ..., finish_reason: _Optional[str] = ...) -> None: ...

class DefenseRecord(_message.Message):
    __slots__ = ("defense", "risk", "mode", "weight", "on", "would", "did", "findings", "seconds", "allowed_on_error", "allowed_on_timeout", "epoch")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    WOULD_FIELD_NUMBER: _ClassVar[int]
    DID_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ON_ERROR_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    defense: str
    risk: _gateway_pb2.Risk
    mode: Mode
    weight: float
    on: bool
    would: _gateway_pb2.Action
    did: _gateway_pb2.Action
    findings: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.Finding]
    seconds: float
    allowed_on_error: int
    allowed_on_timeout: int
    epoch: int
    def __init__(self, defense: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., mode: _Optional[_Union[Mode, str]] = ..., weight: _Optional[float] = ..., on: _Optional[bool] = ..., would: _Optional[_Union[_gateway_pb2.Action, str]] = ..., did: _Optional[_Union[_gateway_pb2.Action, str]] = ..., findings: _Optional[_Iterable[_Union[_gateway_pb2.Finding, _Mapping]]] = ..., seconds: _Optional[float] = ..., allowed_on_error: _Optional[int] = ..., allowed_on_timeout: _Optional[int] = ..., epoch: _Optional[int] = ...) -> None: ...
