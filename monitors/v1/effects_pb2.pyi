import datetime

from gateway.v1 import gateway_pb2 as _gateway_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetEffectsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetEffectsResponse(_message.Message):
    __slots__ = ("matrix",)
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    matrix: Matrix
    def __init__(self, matrix: _Optional[_Union[Matrix, _Mapping]] = ...) -> None: ...

class WatchEffectsRequest(_message.Message):
    __slots__ = ("seconds",)
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    def __init__(self, seconds: _Optional[float] = ...) -> None: ...

class WatchEffectsResponse(_message.Message):
    __slots__ = ("matrix",)
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    matrix: Matrix
    def __init__(self, matrix: _Optional[_Union[Matrix, _Mapping]] = ...) -> None: ...

class Matrix(_message.Message):
    __slots__ = ("effects", "alarms", "at", "alpha", "tolerance", "folded", "seconds", "interactions", "asymmetries", "statistics", "last_fold")
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    ALARMS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    FOLDED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    ASYMMETRIES_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    LAST_FOLD_FIELD_NUMBER: _ClassVar[int]
    effects: _containers.RepeatedCompositeFieldContainer[Effect]
    alarms: _containers.RepeatedCompositeFieldContainer[Alarm]
    at: _timestamp_pb2.Timestamp
    alpha: float
    tolerance: float
    folded: int
    seconds: float
    interactions: _containers.RepeatedCompositeFieldContainer[Interaction]
    asymmetries: _containers.RepeatedCompositeFieldContainer[Asymmetry]
    statistics: _containers.RepeatedCompositeFieldContainer[Statistic]
    last_fold: _timestamp_pb2.Timestamp
    def __init__(self, effects: _Optional[_Iterable[_Union[Effect, _Mapping]]] = ..., alarms: _Optional[_Iterable[_Union[Alarm, _Mapping]]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., alpha: _Optional[float] = ..., tolerance: _Optional[float] = ..., folded: _Optional[int] = ..., seconds: _Optional[float] = ..., interactions: _Optional[_Iterable[_Union[Interaction, _Mapping]]] = ..., asymmetries: _Optional[_Iterable[_Union[Asymmetry, _Mapping]]] = ..., statistics: _Optional[_Iterable[_Union[Statistic, _Mapping]]] = ..., last_fold: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Interaction(_message.Message):
    __slots__ = ("first", "second", "risk", "measure", "units", "ratio", "difference", "log_evidence", "alone", "joined", "log_lost", "retained", "replayed", "sure")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    LOG_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    LOG_LOST_FIELD_NUMBER: _ClassVar[int]
    RETAINED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    SURE_FIELD_NUMBER: _ClassVar[int]
    first: str
    second: str
    risk: _gateway_pb2.Risk
    measure: str
    units: int
    ratio: Interval
    difference: Interval
    log_evidence: float
    alone: Interval
    joined: Interval
    log_lost: float
    retained: Interval
    replayed: Interval
    sure: bool
    def __init__(self, first: _Optional[str] = ..., second: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., measure: _Optional[str] = ..., units: _Optional[int] = ..., ratio: _Optional[_Union[Interval, _Mapping]] = ..., difference: _Optional[_Union[Interval, _Mapping]] = ..., log_evidence: _Optional[float] = ..., alone: _Optional[_Union[Interval, _Mapping]] = ..., joined: _Optional[_Union[Interval, _Mapping]] = ..., log_lost: _Optional[float] = ..., retained: _Optional[_Union[Interval, _Mapping]] = ..., replayed: _Optional[_Union[Interval, _Mapping]] = ..., sure: _Optional[bool] = ...) -> None: ...

class Asymmetry(_message.Message):
    __slots__ = ("first", "second", "first_on_second", "second_on_first", "difference", "effects", "missing")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    FIRST_ON_SECOND_FIELD_NUMBER: _ClassVar[int]
    SECOND_ON_FIRST_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    first: _gateway_pb2.Risk
    second: _gateway_pb2.Risk
    first_on_second: Interval
    second_on_first: Interval
    difference: Interval
    effects: int
    missing: int
    def __init__(self, first: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., second: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., first_on_second: _Optional[_Union[Interval, _Mapping]] = ..., second_on_first: _Optional[_Union[Interval, _Mapping]] = ..., difference: _Optional[_Union[Interval, _Mapping]] = ..., effects: _Optional[int] = ..., missing: _Optional[int] = ...) -> None: ...

class Statistic(_message.Message):
    __slots__ = ("kind", "measure", "defense", "method", "direction", "value", "threshold")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    kind: str
    measure: str
    defense: str
    method: str
    direction: str
    value: float
    threshold: float
    def __init__(self, kind: _Optional[str] = ..., measure: _Optional[str] = ..., defense: _Optional[str] = ..., method: _Optional[str] = ..., direction: _Optional[str] = ..., value: _Optional[float] = ..., threshold: _Optional[float] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("estimate", "lower", "upper")
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    estimate: float
    lower: float
    upper: float
    def __init__(self, estimate: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ...) -> None: ...

class Arm(_message.Message):
    __slots__ = ("scored", "units", "violations")
    SCORED_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    scored: int
    units: int
    violations: int
    def __init__(self, scored: _Optional[int] = ..., units: _Optional[int] = ..., violations: _Optional[int] = ...) -> None: ...

class Effect(_message.Message):
    __slots__ = ("defense", "risk", "measure", "treatment", "control", "replayed_pairs", "ratio", "difference", "score_difference", "replayed_ratio", "replayed_difference", "log_harm", "log_harm_ever", "log_help", "log_noninferior", "log_mismatch", "valid", "decided", "shown")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    TREATMENT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_PAIRS_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    SCORE_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_RATIO_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    LOG_HARM_FIELD_NUMBER: _ClassVar[int]
    LOG_HARM_EVER_FIELD_NUMBER: _ClassVar[int]
    LOG_HELP_FIELD_NUMBER: _ClassVar[int]
    LOG_NONINFERIOR_FIELD_NUMBER: _ClassVar[int]
    LOG_MISMATCH_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    defense: str
    risk: _gateway_pb2.Risk
    measure: str
    treatment: Arm
    control: Arm
    replayed_pairs: int
    ratio: Interval
    difference: Interval
    score_difference: Interval
    replayed_ratio: Interval
    replayed_difference: Interval
    log_harm: float
    log_harm_ever: float
    log_help: float
    log_noninferior: float
    log_mismatch: float
    valid: bool
    decided: bool
    shown: bool
    def __init__(self, defense: _Optional[str] = ..., risk: _Optional[_Union[_gateway_pb2.Risk, str]] = ..., measure: _Optional[str] = ..., treatment: _Optional[_Union[Arm, _Mapping]] = ..., control: _Optional[_Union[Arm, _Mapping]] = ..., replayed_pairs: _Optional[int] = ..., ratio: _Optional[_Union[Interval, _Mapping]] = ..., difference: _Optional[_Union[Interval, _Mapping]] = ..., score_difference: _Optional[_Union[Interval, _Mapping]] = ..., replayed_ratio: _Optional[_Union[Interval, _Mapping]] = ..., replayed_difference: _Optional[_Union[Interval, _Mapping]] = ..., log_harm: _Optional[float] = ..., log_harm_ever: _Optional[float] = ..., log_help: _Optional[float] = ..., log_noninferior: _Optional[float] = ..., log_mismatch: _Optional[float] = ..., valid: _Optional[bool] = ..., decided: _Optional[bool] = ..., shown: _Optional[bool] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("kind", "measure", "defense", "method", "direction", "since", "at", "statistic", "threshold", "moved")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    measure: str
    defense: str
    method: str
    direction: str
    since: _timestamp_pb2.Timestamp
    at: _timestamp_pb2.Timestamp
    statistic: float
    threshold: float
    moved: _containers.RepeatedCompositeFieldContainer[Moved]
    def __init__(self, kind: _Optional[str] = ..., measure: _Optional[str] = ..., defense: _Optional[str] = ..., method: _Optional[str] = ..., direction: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., statistic: _Optional[float] = ..., threshold: _Optional[float] = ..., moved: _Optional[_Iterable[_Union[Moved, _Mapping]]] = ...) -> None: ...

class Moved(_message.Message):
    __slots__ = ("stratum", "observed", "expected")
    STRATUM_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    stratum: str
    observed: float
    expected: float
    def __init__(self, stratum: _Optional[str] = ..., observed: _Optional[float] = ..., expected: _Optional[float] = ...) -> None: ...

class ExplainEffectRequest(_message.Message):
    __slots__ = ("defense", "measure")
    DEFENSE_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    defense: str
    measure: str
    def __init__(self, defense: _Optional[str] = ..., measure: _Optional[str] = ...) -> None: ...

class ExplainEffectResponse(_message.Message):
    __slots__ = ("effect", "strata", "prospects", "correction")
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    STRATA_FIELD_NUMBER: _ClassVar[int]
    PROSPECTS_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    effect: Effect
    strata: _containers.RepeatedCompositeFieldContainer[Stratum]
    prospects: _containers.RepeatedCompositeFieldContainer[Prospect]
    correction: Correction
    def __init__(self, effect: _Optional[_Union[Effect, _Mapping]] = ..., strata: _Optional[_Iterable[_Union[Stratum, _Mapping]]] = ..., prospects: _Optional[_Iterable[_Union[Prospect, _Mapping]]] = ..., correction: _Optional[_Union[Correction, _Mapping]] = ...) -> None: ...

class Correction(_message.Message):
    __slots__ = ("ratio", "difference", "refused", "source", "by_arm")
    RATIO_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BY_ARM_FIELD_NUMBER: _ClassVar[int]
    ratio: Interval
    difference: Interval
    refused: str
    source: str
    by_arm: bool
    def __init__(self, ratio: _Optional[_Union[Interval, _Mapping]] = ..., difference: _Optional[_Union[Interval, _Mapping]] = ..., refused: _Optional[str] = ..., source: _Optional[str] = ..., by_arm: _Optional[bool] = ...) -> None: ...

class Stratum(_message.Message):
    __slots__ = ("stratum", "weight", "treatment", "control")
    STRATUM_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    TREATMENT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    stratum: str
    weight: float
    treatment: Arm
    control: Arm
    def __init__(self, stratum: _Optional[str] = ..., weight: _Optional[float] = ..., treatment: _Optional[_Union[Arm, _Mapping]] = ..., control: _Optional[_Union[Arm, _Mapping]] = ...) -> None: ...

class Prospect(_message.Message):
    __slots__ = ("question", "settled", "violations", "exchanges", "seconds")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    question: str
    settled: bool
    violations: float
    exchanges: float
    seconds: float
    def __init__(self, question: _Optional[str] = ..., settled: _Optional[bool] = ..., violations: _Optional[float] = ..., exchanges: _Optional[float] = ..., seconds: _Optional[float] = ...) -> None: ...
