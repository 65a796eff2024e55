"""One provider: where it is, sending a browser there, and reading what it brings back.

OpenID Connect Core 1.0 with the authorization code flow; PKCE S256 (RFC 7636), state, nonce, and the issuer in the answer
(RFC 9207) against mixing providers up. We ask for `openid email profile` and take three claims; the rest is dropped here,
before anything else of ours has seen it.
"""

import asyncio
import hmac
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from callmissed.foundation import clock
from callmissed.foundation.datamap import Category
from callmissed.foundation.egress import REGISTER, Destination
from callmissed.identity.contact_points import read_email
from callmissed.identity.factor_problems import (
    ProviderEmailUnverified,
    ProviderUnreachable,
    ProviderUntrusted,
)
from callmissed.identity.oidc import fetching
from callmissed.identity.oidc.settings import ProviderSettings
from callmissed.identity.problems import EmailUnusable

SCOPES = "openid email profile"
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures by a private key only: no `none`, and nothing for which a public key could be a secret."""

ENDPOINTS = {"token_endpoint", "userinfo_endpoint", "jwks_uri"}
"""What a provider names and we connect to."""

FRESH_SECONDS = 3600.0
DOWN_SECONDS = 5.0
"""So long a provider that did not answer is not asked again, so that whoever waits is told at once."""
AGAIN_SECONDS = 30.0
"""Keys we do not know are asked for again, but not more often."""

LEEWAY = 60
OLDEST = 600
LONGEST_SUBJECT = 255
"""OpenID Connect Core §2."""


@dataclass(frozen=True, slots=True)
class Claims:
    """All we take from a provider (Policy §1): its id for the person, their e-mail address, which it has verified, their name.

    A subject is one person's at its issuer alone (OIDC Core §2).
    """

    issuer: str
    subject: str
    email: str
    name: str

    def __repr__(self) -> str:
        """Without the person: a repr ends in logs."""
        return "Claims()"


@dataclass(frozen=True, slots=True)
class Trip:
    """One journey of a browser to the provider and back: what binds the two ends together."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    def __repr__(self) -> str:
        """Without the secrets."""
        return "Trip()"


class Provider:
    """One provider of the operator's file."""

    def __init__(self, settings: ProviderSettings, *, laptop: bool) -> None:
        self.settings = settings
        self._bounds = fetching.Bounds(settings.host, laptop, settings.seconds)
        self._declare(settings.issuer, "settings")
        self._document: dict[str, Any] = {}
        self._document_at = -FRESH_SECONDS
        self._keys: KeySet | None = None
        self._keys_at = -FRESH_SECONDS
        self._turn = asyncio.Lock()
        self._down_until = 0.0

    def asks(self) -> dict[str, str]:
        """The part of every request that is always the same, the scopes among it."""
        return {"response_type": "code", "client_id": self.settings.client_id, "scope": SCOPES}

    async def address(self, trip: Trip) -> str:
        """Where to send the browser. Raises ProviderUnreachable and ProviderUntrusted."""
        endpoint = str((await self._discovered()).get("authorization_endpoint", ""))
        fetching.admissible(endpoint, self._bounds)
        challenge = urlsafe_b64encode(sha256(trip.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            **self.asks(),
            "redirect_uri": trip.redirect_uri,
            "state": trip.state,
            "nonce": trip.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def check_issuer(self, said: str | None) -> None:
        """Refuse an answer of another issuer, or one that should name its issuer and does not (RFC 9207 §2.4)."""
        required = (await self._discovered()).get("authorization_response_iss_parameter_supported") is True
        if (said is None and required) or (said is not None and said != self.settings.issuer):
            raise ProviderUntrusted

    async def redeem(self, code: str, trip: Trip) -> Claims:
        """Who the provider says they are.

        Raises ProviderUnreachable, ProviderUntrusted and ProviderEmailUnverified.
        """
        document = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": trip.redirect_uri,
            "code_verifier": trip.verifier,
        }
        headers = self._credentials(document, form)
        tokens = await fetching.post(str(document.get("token_endpoint", "")), form, self._bounds, headers)
        claims = await self._verified(str(tokens.get("id_token", "")), trip.nonce)
        subject = str(claims["sub"])
        if "email" not in claims and "userinfo_endpoint" in document:
            claims = await self._userinfo(document, str(tokens.get("access_token", "")), subject)
        return self._taken(subject, claims)

    def _credentials(self, document: Mapping[str, Any], form: dict[str, str]) -> dict[str, str]:
        """How we identify ourselves, in a way the provider offers: in a header, else in the form (OIDC Core §9)."""
        client, secret = self.settings.client_id, self.settings.client_secret
        offered: Any = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if not secret or ("client_secret_basic" not in offered and "client_secret_post" in offered):
            form["client_id"] = client
            form |= {"client_secret": secret} if secret else {}
            return {}
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def _taken(self, subject: str, claims: Mapping[str, Any]) -> Claims:
        """The three claims we take."""
        if claims.get(self.settings.verified_claim) is not True:
            raise ProviderEmailUnverified
        try:
            email = read_email(str(claims.get("email", "")))
        except EmailUnusable:
            raise ProviderEmailUnverified from None
        name: Any = claims.get("name")
        plain = " ".join(name.split())[:120] if isinstance(name, str) else ""
        return Claims(self.settings.issuer, subject, email.address, plain)

    async def _userinfo(self, document: Mapping[str, Any], token: str, subject: str) -> dict[str, Any]:
        """Claims that are not in the ID token; of the same subject, or none at all (OIDC Core §5.3.2)."""
        bearer = {"authorization": f"Bearer {token}"}
        told = await fetching.get(str(document["userinfo_endpoint"]), self._bounds, bearer)
        if told.get("sub") != subject:
            raise ProviderUntrusted
        return told

    # The ID token

    async def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of a token that this provider signed, for us, now, on this trip (OIDC Core §3.1.3.7)."""
        try:
            claims = self._read(token, await self._signers())
        except (JoseError, ValueError, TypeError, KeyError):
            # The keys may have turned since we read them.
            try:
                claims = self._read(token, await self._signers(anew=True))
            except (JoseError, ValueError, TypeError, KeyError):
                raise ProviderUntrusted from None
        self._check(claims, nonce)
        return claims

    @staticmethod
    def _read(token: str, keys: KeySet) -> dict[str, Any]:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        now, ours = clock.now().timestamp(), self.settings.client_id
        aud: Any = claims.get("aud")
        audience = cast("list[Any]", aud) if isinstance(aud, list) else [aud]
        exp, iat, subject = claims.get("exp"), claims.get("iat"), claims.get("sub")
        fine = (
            claims.get("iss") == self.settings.issuer
            and ours in audience
            and (claims.get("azp", ours) == ours and (len(audience) == 1 or "azp" in claims))
            and isinstance(exp, int | float)
            and exp > now - LEEWAY
            and isinstance(iat, int | float)
            and now - OLDEST < iat < now + LEEWAY
            and isinstance(subject, str)
            and 0 < len(subject) <= LONGEST_SUBJECT
            and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        )
        if not fine:
            raise ProviderUntrusted

    # What the provider says about itself

    async def _discovered(self) -> dict[str, Any]:
        """Its document (OpenID Connect Discovery §4), at most an hour old."""
        async with self._turn:
            if self._document_at + FRESH_SECONDS <= time.monotonic():
                document = await self._asked(
                    f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                )
                if document.get("issuer") != self.settings.issuer:
                    raise ProviderUntrusted
                for each in ENDPOINTS & document.keys():
                    self._declare(str(document[each]), f"the provider {self.settings.name}")
                self._document, self._document_at = document, time.monotonic()
            return self._document

    def _declare(self, url: str, declared_by: str) -> None:
        """Let us connect there: to the issuer of the operator's file, and to the endpoints that it names as its own."""
        with suppress(ValueError):
            REGISTER.declare(
                Destination.at(
                    url,
                    self.settings.name,
                    "sign-in",
                    Category.ACCOUNT,
                    Category.CONTACT_POINT,
                    declared_by=declared_by,
                )
            )

    async def _signers(self, *, anew: bool = False) -> KeySet:
        """Its keys, at most an hour old; `anew` when a signature fits none of them."""
        document = await self._discovered()
        async with self._turn:
            age = time.monotonic() - self._keys_at
            if self._keys is None or age > FRESH_SECONDS or (anew and age > AGAIN_SECONDS):
                told = await self._asked(str(document.get("jwks_uri", "")))
                try:
                    self._keys = KeySet.import_key_set(_signing(told))
                except (JoseError, ValueError, TypeError, KeyError):
                    raise ProviderUntrusted from None
                self._keys_at = time.monotonic()
            return self._keys

    async def _asked(self, url: str) -> dict[str, Any]:
        """What it says about itself there; everybody waits for one answer. Raises ProviderUnreachable and ProviderUntrusted."""
        if time.monotonic() < self._down_until:
            raise ProviderUnreachable
        try:
            return await fetching.get(url, self._bounds)
        except ProviderUnreachable:
            self._down_until = time.monotonic() + DOWN_SECONDS
            raise


def _signing(told: Mapping[str, Any]) -> Any:
    """Only public keys for signing: a secret in the set would be a way to forge."""
    listed: Any = told.get("keys")
    keys = cast("list[dict[str, Any]]", listed) if isinstance(listed, list) else []
    fine = [key for key in keys if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"]
    return {"keys": fine}
