from gateway.v1 import gateway_pb2 as _gateway_pb2
from gateway.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Generation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GENERATION_UNSPECIFIED: _ClassVar[Generation]
    GENERATION_NEVER: _ClassVar[Generation]
    GENERATION_NEEDED: _ClassVar[Generation]
    GENERATION_ALWAYS: _ClassVar[Generation]
GENERATION_UNSPECIFIED: Generation
GENERATION_NEVER: Generation
GENERATION_NEEDED: Generation
GENERATION_ALWAYS: Generation

class ReplayRequest(_message.Message):
    __slots__ = ("record", "on", "generation", "prompt")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    on: _containers.RepeatedScalarFieldContainer[str]
    generation: Generation
    prompt: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.Message]
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., on: _Optional[_Iterable[str]] = ..., generation: _Optional[_Union[Generation, str]] = ..., prompt: _Optional[_Iterable[_Union[_gateway_pb2.Message, _Mapping]]] = ...) -> None: ...

class ReplayResponse(_message.Message):
    __slots__ = ("record", "generated")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    record: _record_pb2.Record
    generated: int
    def __init__(self, record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ..., generated: _Optional[int] = ...) -> None: ...
