"""The documents of the management API about keys of the workspace's own at suppliers of models."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr

from callmissed.dashboard.management.shapes import Line, Shape


class ProviderKey(Shape):
    """A key that the workspace has brought to a supplier of models. Its secret is in no reply."""

    id: UUID
    upstream: str = Field(description="The supplier, as `upstreams` of GET /v1/models name it.")
    server: str = Field(description="The only server the key is sent to.")
    last_four: str
    contract: str = Field(description="The contract of the account that was named as excluding training.")
    contract_on: date
    falls_back: bool = Field(
        description="Whether the platform's account, paid from the wallet, is asked where this one does not answer."
    )
    state: str = Field(description="accepted, or refused since `refused_at`")
    created_at: datetime
    verified_at: datetime = Field(description="When the supplier was last seen to accept it.")
    refused_at: datetime | None


class NewProviderKey(Shape):
    """A key of the workspace's own account with a supplier. It takes the place of the one before."""

    upstream: Line
    secret: Annotated[SecretStr, Field(max_length=1_000)]
    contract: Line
    contract_on: date
    excludes_training: Literal[True] = Field(
        description="That the contract excludes training on what is sent: nothing else can be said."
    )
    falls_back: bool = False
