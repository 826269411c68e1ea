"""The client against a running suite: LATCHKEY_ENDPOINTS names its endpoints.json, with the certificate of a caller that
is trusted as a front end and may ask Authorize."""

import dataclasses
import importlib.metadata
import os
import uuid
from collections.abc import Iterator

import grpc
import pytest
from packaging.requirements import Requirement

import latchkey
from latchkey.identity.v1 import (
    member_pb2,
    member_pb2_grpc,
    organization_pb2,
    organization_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
    workspace_pb2,
    workspace_pb2_grpc,
)
from latchkey.key.v1 import authorization_pb2, authorization_pb2_grpc, personal_token_pb2, personal_token_pb2_grpc
from latchkey.role.v1 import permission_pb2, role_pb2, role_pb2_grpc

ENDPOINTS = os.environ["LATCHKEY_ENDPOINTS"]
TIMEOUT = 15


@dataclasses.dataclass(frozen=True)
class Channels:
    identity: grpc.Channel
    role: grpc.Channel
    key: grpc.Channel


@dataclasses.dataclass(frozen=True)
class Tenant:
    organization_id: str
    workspace_id: str
    founder_id: str


@pytest.fixture(scope="module")
def channels() -> Iterator[Channels]:
    with (
        latchkey.from_endpoints(ENDPOINTS, "identity") as identity,
        latchkey.from_endpoints(ENDPOINTS, "role") as role,
        latchkey.from_endpoints(ENDPOINTS, "key") as key,
    ):
        yield Channels(identity, role, key)


def create_user(channels: Channels, name: str) -> str:
    request = user_pb2.CreateUserRequest(email=f"{name}-{uuid.uuid4().hex}@example.com", display_name=name)
    return user_pb2_grpc.UserServiceStub(channels.identity).CreateUser(request, timeout=TIMEOUT).user.id


def create_token(channels: Channels, organization_id: str, user_id: str) -> str:
    tokens = personal_token_pb2_grpc.PersonalTokenServiceStub(channels.key)
    request = personal_token_pb2.CreatePersonalTokenRequest(organization_id=organization_id, name="from Python")
    return tokens.CreatePersonalToken(request, metadata=latchkey.as_user(user_id), timeout=TIMEOUT).secret


def authorize(
    channels: Channels, key: str, permission: str, workspace_id: str
) -> authorization_pb2.AuthorizeResponse:
    request = authorization_pb2.AuthorizeRequest(key=key, permission=permission, workspace_id=workspace_id)
    return authorization_pb2_grpc.AuthorizationServiceStub(channels.key).Authorize(request, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def tenant(channels: Channels) -> Tenant:
    founder_id = create_user(channels, "founder")
    as_founder = latchkey.as_user(founder_id)
    organization = (
        organization_pb2_grpc.OrganizationServiceStub(channels.identity)
        .CreateOrganization(
            organization_pb2.CreateOrganizationRequest(display_name="From Python"),
            metadata=as_founder,
            timeout=TIMEOUT,
        )
        .organization
    )
    workspace = (
        workspace_pb2_grpc.WorkspaceServiceStub(channels.identity)
        .CreateWorkspace(
            workspace_pb2.CreateWorkspaceRequest(organization_id=organization.id, name="production"),
            metadata=as_founder,
            timeout=TIMEOUT,
        )
        .workspace
    )
    return Tenant(organization.id, workspace.id, founder_id)


def add_viewer(channels: Channels, tenant: Tenant, user_id: str) -> str:
    as_founder = latchkey.as_user(tenant.founder_id)
    roles = role_pb2_grpc.RoleServiceStub(channels.role).ListRoles(
        role_pb2.ListRolesRequest(organization_id=tenant.organization_id, page_size=200),
        metadata=as_founder,
        timeout=TIMEOUT,
    )
    (viewer,) = (r.id for r in roles.roles if r.built_in == permission_pb2.BUILT_IN_ROLE_WORKSPACE_VIEWER)
    request = member_pb2.AddMemberRequest(
        organization_id=tenant.organization_id,
        user_id=user_id,
        workspace_roles=[member_pb2.WorkspaceRole(workspace_id=tenant.workspace_id, role_id=viewer)],
    )
    members = member_pb2_grpc.MemberServiceStub(channels.identity)
    return members.AddMember(request, metadata=as_founder, timeout=TIMEOUT).member.id


def test_is_installed_with_everything_that_it_requires() -> None:
    assert importlib.metadata.version("latchkey-client") == "0.1.0"
    for requirement in map(Requirement, importlib.metadata.requires("latchkey-client") or ()):
        assert importlib.metadata.version(requirement.name) in requirement.specifier


def test_token_of_an_admin_is_allowed(channels: Channels, tenant: Tenant) -> None:
    secret = create_token(channels, tenant.organization_id, tenant.founder_id)
    answer = authorize(channels, secret, "projects:read", tenant.workspace_id)
    assert answer.allowed
    assert answer.reason == authorization_pb2.DECISION_REASON_ALLOWED
    assert answer.decision_id
    assert answer.principal.organization_id == tenant.organization_id
    assert answer.principal.user_id == tenant.founder_id


def test_holder_of_a_token_calls_in_its_own_name(channels: Channels, tenant: Tenant) -> None:
    secret = create_token(channels, tenant.organization_id, tenant.founder_id)
    workspaces = workspace_pb2_grpc.WorkspaceServiceStub(channels.identity)
    request = workspace_pb2.GetWorkspaceRequest(
        organization_id=tenant.organization_id, workspace_id=tenant.workspace_id
    )
    answer = workspaces.GetWorkspace(request, metadata=latchkey.as_key(secret), timeout=TIMEOUT)
    assert answer.workspace.name == "production"


def test_refused_key_is_an_answer_not_an_error(channels: Channels, tenant: Tenant) -> None:
    answer = authorize(channels, "not a key", "projects:read", tenant.workspace_id)
    assert not answer.allowed
    assert answer.reason == authorization_pb2.DECISION_REASON_MALFORMED_KEY


def test_malformed_field_is_named_by_a_typed_error(channels: Channels) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        user_pb2_grpc.UserServiceStub(channels.identity).CreateUser(
            user_pb2.CreateUserRequest(email="nobody"), timeout=TIMEOUT
        )
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    info = latchkey.errors.reason_of(caught.value)
    assert info is not None
    assert (info.domain, info.reason) == ("latchkey.dev", "INVALID_REQUEST")
    (violation,) = latchkey.errors.violations_of(caught.value)
    assert (violation.field, violation.rule) == ("email", "string.email")


def test_missing_permission_is_named_by_a_typed_error(channels: Channels, tenant: Tenant) -> None:
    user_id = create_user(channels, "viewer")
    add_viewer(channels, tenant, user_id)
    with pytest.raises(grpc.RpcError) as caught:
        workspace_pb2_grpc.WorkspaceServiceStub(channels.identity).CreateWorkspace(
            workspace_pb2.CreateWorkspaceRequest(organization_id=tenant.organization_id, name="mine"),
            metadata=latchkey.as_user(user_id),
            timeout=TIMEOUT,
        )
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    info = latchkey.errors.reason_of(caught.value)
    assert info is not None
    assert (info.reason, info.metadata["permission"]) == ("PERMISSION_MISSING", "organization:manage")
    assert latchkey.errors.violations_of(caught.value) == []


def test_deadline_ends_a_call_and_its_repeat_gets_the_answer(channels: Channels) -> None:
    founder_id = create_user(channels, "hurried")
    request = organization_pb2.CreateOrganizationRequest(display_name="Hurried", request_id=uuid.uuid4().hex)
    create = organization_pb2_grpc.OrganizationServiceStub(channels.identity).CreateOrganization
    # Several transactions in two services: no machine does them in a millisecond.
    with pytest.raises(grpc.RpcError) as caught:
        create(request, metadata=latchkey.as_user(founder_id), timeout=0.001)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    # Client and server both watch it; where the server is first, it says so with a reason.
    info = latchkey.errors.reason_of(caught.value)
    assert info is None or info.reason == "DEADLINE_EXCEEDED"
    created = create(request, metadata=latchkey.as_user(founder_id), timeout=TIMEOUT).organization
    assert created.display_name == "Hurried"


def test_token_is_refused_once_its_member_is_removed(channels: Channels, tenant: Tenant) -> None:
    user_id = create_user(channels, "leaver")
    member_id = add_viewer(channels, tenant, user_id)
    secret = create_token(channels, tenant.organization_id, user_id)
    assert authorize(channels, secret, "projects:read", tenant.workspace_id).allowed
    missing = authorize(channels, secret, "projects:create", tenant.workspace_id)
    assert missing.reason == authorization_pb2.DECISION_REASON_PERMISSION_MISSING

    member_pb2_grpc.MemberServiceStub(channels.identity).RemoveMember(
        member_pb2.RemoveMemberRequest(organization_id=tenant.organization_id, member_id=member_id),
        metadata=latchkey.as_user(tenant.founder_id),
        timeout=TIMEOUT,
    )
    # The very next question, whether or not the worker has deleted the token by now.
    answer = authorize(channels, secret, "projects:read", tenant.workspace_id)
    assert not answer.allowed
    assert answer.reason == authorization_pb2.DECISION_REASON_PRINCIPAL_REMOVED
