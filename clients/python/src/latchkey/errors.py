"""What a call was refused with. Every service sends typed details along with the status of a failed call."""

import dataclasses
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

_M = TypeVar("_M", bound=Message)


@dataclasses.dataclass(frozen=True)
class ErrorInfo:
    """Why a call was refused, for programs: `reason` is stable, such as "PERMISSION_MISSING" or "LAST_ADMIN"."""

    reason: str
    domain: str
    metadata: dict[str, str]


@dataclasses.dataclass(frozen=True)
class FieldViolation:
    """A malformed field, by its path in the request, such as "workspace_roles[0].role_id", and the rule that it breaks."""

    field: str
    rule: str
    description: str


def reason_of(error: grpc.RpcError) -> ErrorInfo | None:
    """Why the call was refused; None when it failed without a service's answer, as when none could be reached."""
    info = _detail(error, error_details_pb2.ErrorInfo())
    return None if info is None else ErrorInfo(info.reason, info.domain, dict(info.metadata))


def violations_of(error: grpc.RpcError) -> list[FieldViolation]:
    """Every malformed field of the request; empty unless the status is INVALID_ARGUMENT."""
    bad = _detail(error, error_details_pb2.BadRequest())
    return [FieldViolation(v.field, v.reason, v.description) for v in bad.field_violations] if bad else []


def retry_after(error: grpc.RpcError) -> float | None:
    """After how many seconds it is worth trying again; None when the service does not say."""
    retry = _detail(error, error_details_pb2.RetryInfo())
    return None if retry is None else retry.retry_delay.ToTimedelta().total_seconds()


def _detail(error: grpc.RpcError, message: _M) -> _M | None:
    # An error that a call raises is the call itself; one without metadata never got an answer.
    if not isinstance(error, grpc.Call) or (metadata := error.trailing_metadata()) is None:
        return None
    for name, value in metadata:
        if name == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                if packed.Unpack(message):
                    return message
    return None
