from gateway.v1 import gateway_pb2 as _gateway_pb2
from gateway.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "epoch", "defenses", "models", "tap", "active")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DEFENSES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TAP_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    version: str
    epoch: int
    defenses: _containers.RepeatedCompositeFieldContainer[DefenseStatus]
    models: _containers.RepeatedScalarFieldContainer[str]
    tap: TapStatus
    active: int
    def __init__(self, version: _Optional[str] = ..., epoch: _Optional[int] = ..., defenses: _Optional[_Iterable[_Union[DefenseStatus, _Mapping]]] = ..., models: _Optional[_Iterable[str]] = ..., tap: _Optional[_Union[TapStatus, _Mapping]] = ..., active: _Optional[int] = ...) -> None: ...

class DefenseStatus(_message.Message):
    __slots__ = ("defense", "risk", "mode", "weight", "killed")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    KILLED_FIELD_NUMBER: _ClassVar[int]
    defense: str
    risk: _gateway_pb2.Risk
    mode: _record_pb2.Mode
    weight: float
    killed: bool
    def __init__(self, defense: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., mode: _Optional[_Union[_record_pb2.Mode, str]] = ..., weight: _Optional[float] = ..., killed: _Optional[bool] = ...) -> None: ...

class TapStatus(_message.Message):
    __slots__ = ("connected", "offered", "dropped")
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    connected: bool
    offered: int
    dropped: int
    def __init__(self, connected: _Optional[bool] = ..., offered: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...

class SetKillSwitchRequest(_message.Message):
    __slots__ = ("defense", "killed", "reason")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    KILLED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    defense: str
    killed: bool
    reason: str
    def __init__(self, defense: _Optional[str] = ..., killed: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class SetKillSwitchResponse(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...
