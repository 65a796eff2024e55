"""Every setting, with what it does and its default. The environment is read here and nowhere else."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CONDITIONS = frozenset({"cloud_service_provider", "other_service_provider", "recovery_calls"})
"""What an operator can say of itself; rows of law may depend on it. A test holds them against the rows."""


class Settings(BaseSettings):
    """The installation's settings. Each is an environment variable with the prefix CALLMISSED_ unless it says otherwise."""

    model_config = SettingsConfigDict(env_prefix="CALLMISSED_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path("var"),
        description="Folder for everything the installation writes: databases, keyring, files.",
    )
    host: str = Field(default="127.0.0.1", description="Address the web server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the web server listens on.")
    production: bool = Field(
        default=False,
        description="Real operation: HTTPS only, no outbox page, and no start while a promise about the operator is broken.",
    )
    base_url: str = Field(
        default="", description="Public address, such as https://app.example.in. Default: http://HOST:PORT."
    )
    extra_hosts: str = Field(
        default="", description="Further host names this server answers to, separated by commas."
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("CALLMISSED_DATABASE_URL", "DATABASE_URL"),
        description="An outside PostgreSQL (15 or newer) instead of the embedded one. Also read as DATABASE_URL.",
    )
    keys_database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("CALLMISSED_KEYS_DATABASE_URL", "KEYS_DATABASE_URL"),
        description="An outside PostgreSQL for the key plane. Must not be backed up with the data. Also KEYS_DATABASE_URL.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server, such as smtps://user:password@host:465 or smtp://host:25 (STARTTLS when offered).",
    )
    mail_from: str = Field(default="CallMissed <no-reply@localhost>", description="Sender of all mail.")
    region: str = Field(
        default="IN", description="Where database, files and backups of this installation are: IN for India."
    )
    oidc_file: Path | None = Field(
        default=None,
        description="TOML file that lists identity providers: [[provider]] with name, title, issuer, client_id, client_secret.",
    )
    upstreams_file: Path | None = Field(
        default=None, description="TOML file that lists model upstreams and their contract terms."
    )
    find_upstreams: bool = Field(
        default=True,
        description="Offer upstreams found in the usual environment variables, and an Ollama on this machine.",
    )
    india_only: bool = Field(
        default=True,
        description="Send content to upstreams in India only; others are refused with a clear error (Policy §3).",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey through which several web processes share rate limits, such as redis://localhost:6379/0.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = Field(
        default=None, description="How much is logged. Default: INFO, and WARNING at a terminal."
    )

    legal_name: str = Field(default="", description="Registered name of the operator (Policy §13).")
    registered_office: str = Field(
        default="", description="Registered office of the operator, with PIN code (Policy §13)."
    )
    cin: str = Field(
        default="", description="Corporate Identity Number of the operator, 21 characters (Policy §13)."
    )
    gstin: str = Field(
        default="",
        description="GSTIN of the operator, 15 characters with a valid check character (Policy §13).",
    )
    grievance_officer: str = Field(
        default="", description="Name of the Grievance Officer, a person (Policy §14)."
    )
    grievance_email: str = Field(
        default="", description="E-mail address of the Grievance Officer (Policy §14)."
    )
    law_applies: str = Field(
        default="",
        description=(
            "Which conditional rows of law bind this operator, separated by commas: cloud_service_provider,"
            " other_service_provider, recovery_calls."
        ),
    )
    custodians: str = Field(
        default="",
        description=(
            "Who together opens what law makes us keep: name=age1…, name=age1…, two at least (`callmissed sealed custodian`)."
            " Production needs them; elsewhere two are made in the keyring for demonstration."
        ),
    )
    hosting: str = Field(
        default="this machine",
        description="Where the systems run, in words for the policy page (Policy §3), e.g. a data centre.",
    )

    @property
    def conditions(self) -> frozenset[str]:
        """The conditions of law that are true of this operator."""
        return frozenset(name.strip() for name in self.law_applies.split(",") if name.strip())

    @field_validator("law_applies")
    @classmethod
    def _known_conditions(cls, said: str) -> str:
        unknown = {name.strip() for name in said.split(",") if name.strip()} - CONDITIONS
        if unknown:
            reason = f"{min(unknown)} is none of {', '.join(sorted(CONDITIONS))}"
            raise ValueError(reason)
        return said

    @property
    def public_url(self) -> str:
        """The address people use, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def hosts(self) -> frozenset[str]:
        """Every host name this server answers to."""
        own = {self.host, urlsplit(self.public_url).hostname or ""}
        if not self.production:
            own |= {"localhost", "127.0.0.1", "::1"}
        own |= {name.strip() for name in self.extra_hosts.split(",")}
        return frozenset(name for name in own if name)


def environment(names: Iterable[str]) -> dict[str, str]:
    """Those of these variables that are set: for programs of others that we may use, under the names they chose."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}
