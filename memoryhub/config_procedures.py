"""The settings of operations, knowledge, procedures and their runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator, model_validator

from memoryhub.config_sections import Section

#: As headers name it.
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,60}$")]
BOUND = "a secret is written as {value: ..., hosts: [ci.example.com], tenants: [acme]}: where it may go, and for whom"


class CallSecret(Section):
    value: SecretStr = Field(min_length=1, description="The secret itself; keep it in the environment, not in a file.")
    hosts: list[str] = Field(
        min_length=1,
        description="Hosts that it may be sent to, written as in allowed_hosts; no others get it.",
    )
    tenants: list[str] = Field(
        min_length=1,
        description='Tenants whose procedures may name it; ["*"] for every tenant, also later ones.',
    )

    @model_validator(mode="before")
    @classmethod
    def bound(cls, given: Any) -> Any:
        # a bare value could be sent to every listed host, by every tenant
        if not isinstance(given, dict) or not {"value", "hosts", "tenants"} <= given.keys():
            raise ValueError(BOUND)
        return given


class Procedures(Section):
    enforcement: Literal["off", "advise", "strict"] = Field(
        "advise", description="What is enforced for kinds of operation that no rule of the tenant names."
    )
    consultation_minutes: int = Field(
        240,
        ge=1,
        le=10_080,
        description="A consultation is good for this long, in minutes, or until its work ends.",
    )
    confident: float = Field(
        0.8, ge=0.5, le=1, description="Guidance of at least this confidence is said to be fit to follow."
    )
    prior_successes: float = Field(
        1.0, gt=0, le=100, description="Successes that every solution starts with, so that one try is no certainty."
    )
    prior_failures: float = Field(1.0, gt=0, le=100, description="Failures that every solution starts with.")
    error_days: int = Field(
        90, ge=1, le=3650, description="Captured errors are kept for this long, in days; what was learned stays."
    )
    lease_seconds: int = Field(
        300, ge=5, le=86_400, description="A step of a run is an agent's for this long, unless it asks for more."
    )
    lease_max_seconds: int = Field(3600, ge=5, le=86_400, description="Longest lease of a step, in seconds.")
    approval_hours: int = Field(
        72, ge=1, le=8760, description="A request to skip or replace a step lapses after this long, in hours."
    )
    allowed_hosts: list[str] = Field(
        [],
        description="Hosts that steps may call, as host or host:port; https alone, unless the entry begins with http://.",
    )
    secrets: dict[SecretName, CallSecret] = Field(
        {},
        description="What headers of such calls may name as {{secrets.NAME}}, by name: value, hosts and tenants.",
    )
    http_timeout_seconds: float = Field(10.0, gt=0, le=30, description="Longest wait for an answer to a step's call.")

    @field_validator("enforcement", mode="before")
    @classmethod
    def yaml_off(cls, value: object) -> object:
        # YAML reads a bare off as false
        return "off" if value is False else value

    @field_validator("lease_max_seconds")
    @classmethod
    def not_below_the_usual(cls, value: int, info: ValidationInfo) -> int:
        usual = info.data.get("lease_seconds")
        if usual is not None and value < usual:
            raise ValueError(f"must not be below procedures.lease_seconds, which is {usual}")
        return value
