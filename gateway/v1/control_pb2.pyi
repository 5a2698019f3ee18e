import datetime

from gateway.v1 import gateway_pb2 as _gateway_pb2
from gateway.v1 import record_pb2 as _record_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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
    __slots__ = ("version", "rollout_version", "defenses", "models", "tap", "active", "routes", "lease_grace_seconds", "blocked")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEFENSES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TAP_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    LEASE_GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    version: str
    rollout_version: int
    defenses: _containers.RepeatedCompositeFieldContainer[DefenseStatus]
    models: _containers.RepeatedScalarFieldContainer[str]
    tap: TapStatus
    active: int
    routes: _containers.RepeatedCompositeFieldContainer[RouteStatus]
    lease_grace_seconds: float
    blocked: _containers.RepeatedCompositeFieldContainer[BlockedExchange]
    def __init__(self, version: _Optional[str] = ..., rollout_version: _Optional[int] = ..., defenses: _Optional[_Iterable[_Union[DefenseStatus, _Mapping]]] = ..., models: _Optional[_Iterable[str]] = ..., tap: _Optional[_Union[TapStatus, _Mapping]] = ..., active: _Optional[int] = ..., routes: _Optional[_Iterable[_Union[RouteStatus, _Mapping]]] = ..., lease_grace_seconds: _Optional[float] = ..., blocked: _Optional[_Iterable[_Union[BlockedExchange, _Mapping]]] = ...) -> None: ...

class BlockedExchange(_message.Message):
    __slots__ = ("exchange_id", "at", "spans")
    EXCHANGE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    exchange_id: str
    at: _timestamp_pb2.Timestamp
    spans: _containers.RepeatedCompositeFieldContainer[BlockedSpan]
    def __init__(self, exchange_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., spans: _Optional[_Iterable[_Union[BlockedSpan, _Mapping]]] = ...) -> None: ...

class BlockedSpan(_message.Message):
    __slots__ = ("defense", "label", "side", "length")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    defense: str
    label: str
    side: _gateway_pb2.Side
    length: int
    def __init__(self, defense: _Optional[str] = ..., label: _Optional[str] = ..., side: _Optional[_Union[_gateway_pb2.Side, str]] = ..., length: _Optional[int] = ...) -> None: ...

class DefenseStatus(_message.Message):
    __slots__ = ("defense", "risk", "mode", "weight", "killed", "holdback", "salt", "epoch", "lease", "configured_mode", "share")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    KILLED_FIELD_NUMBER: _ClassVar[int]
    HOLDBACK_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_MODE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    defense: str
    risk: _gateway_pb2.Risk
    mode: _record_pb2.Mode
    weight: float
    killed: bool
    holdback: float
    salt: str
    epoch: int
    lease: LeaseStatus
    configured_mode: _record_pb2.Mode
    share: float
    def __init__(self, defense: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., mode: _Optional[_Union[_record_pb2.Mode, str]] = ..., weight: _Optional[float] = ..., killed: _Optional[bool] = ..., holdback: _Optional[float] = ..., salt: _Optional[str] = ..., epoch: _Optional[int] = ..., lease: _Optional[_Union[LeaseStatus, _Mapping]] = ..., configured_mode: _Optional[_Union[_record_pb2.Mode, str]] = ..., share: _Optional[float] = ...) -> None: ...

class LeaseStatus(_message.Message):
    __slots__ = ("holder", "seconds", "seconds_left")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    holder: str
    seconds: float
    seconds_left: float
    def __init__(self, holder: _Optional[str] = ..., seconds: _Optional[float] = ..., seconds_left: _Optional[float] = ...) -> None: ...

class RouteStatus(_message.Message):
    __slots__ = ("models", "may_be_off")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MAY_BE_OFF_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    may_be_off: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[str]] = ..., may_be_off: _Optional[_Iterable[str]] = ...) -> None: ...

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
    __slots__ = ("defense", "killed", "reason", "actor")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    KILLED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    defense: str
    killed: bool
    reason: str
    actor: str
    def __init__(self, defense: _Optional[str] = ..., killed: _Optional[bool] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class SetKillSwitchResponse(_message.Message):
    __slots__ = ("rollout_version",)
    ROLLOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    rollout_version: int
    def __init__(self, rollout_version: _Optional[int] = ...) -> None: ...

class RolloutRow(_message.Message):
    __slots__ = ("defense", "mode", "weight", "holdback", "salt", "epoch")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HOLDBACK_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    defense: str
    mode: _record_pb2.Mode
    weight: float
    holdback: float
    salt: str
    epoch: int
    def __init__(self, defense: _Optional[str] = ..., mode: _Optional[_Union[_record_pb2.Mode, str]] = ..., weight: _Optional[float] = ..., holdback: _Optional[float] = ..., salt: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("holder", "seconds")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    holder: str
    seconds: float
    def __init__(self, holder: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class ApplyRolloutRequest(_message.Message):
    __slots__ = ("expected_version", "rows", "reset", "lease", "actor", "reason", "redraw")
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REDRAW_FIELD_NUMBER: _ClassVar[int]
    expected_version: int
    rows: _containers.RepeatedCompositeFieldContainer[RolloutRow]
    reset: _containers.RepeatedScalarFieldContainer[str]
    lease: Lease
    actor: str
    reason: str
    redraw: bool
    def __init__(self, expected_version: _Optional[int] = ..., rows: _Optional[_Iterable[_Union[RolloutRow, _Mapping]]] = ..., reset: _Optional[_Iterable[str]] = ..., lease: _Optional[_Union[Lease, _Mapping]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., redraw: _Optional[bool] = ...) -> None: ...

class ApplyRolloutResponse(_message.Message):
    __slots__ = ("rollout_version",)
    ROLLOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    rollout_version: int
    def __init__(self, rollout_version: _Optional[int] = ...) -> None: ...

class RenewLeaseRequest(_message.Message):
    __slots__ = ("holder", "seconds")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    holder: str
    seconds: float
    def __init__(self, holder: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class RenewLeaseResponse(_message.Message):
    __slots__ = ("defenses", "rollout_version")
    DEFENSES_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    defenses: _containers.RepeatedScalarFieldContainer[str]
    rollout_version: int
    def __init__(self, defenses: _Optional[_Iterable[str]] = ..., rollout_version: _Optional[int] = ...) -> None: ...
