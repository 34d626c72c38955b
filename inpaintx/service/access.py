"""Who may use a service: on this machine anyone, elsewhere who has the token."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inpaintx.errors import InpaintxError

#: Routes that need no token: they say no more than that there is a service.
OPEN = ("/healthz", "/readyz")
COOKIE = "inpaintx_token"


@dataclass(frozen=True)
class Access:
    """What a request has to show.

    Attributes:
        host: the address that the service listens on.
        token: what a client must know; None: nothing.

    Raises:
        InpaintxError: an address that others reach, without a token; a token that is too short to be one.
    """

    host: str = "127.0.0.1"
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is None and not self.is_loopback:
            raise InpaintxError(
                f"others reach {self.host}: give a --token or --token-file, or leave --host out for this "
                "machine only"
            )
        if self.token is not None and (len(self.token) < 16 or not self.token.isascii()):
            raise InpaintxError(
                "the token is too short or not ASCII; choose 16 characters or more, such as "
                "`python -c 'import secrets; print(secrets.token_urlsafe())'` prints"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        return is_loopback(self.host)

    def is_known(self, token: str) -> bool:
        """Whether it is the token; takes as long for each that isn't."""
        return self.token is not None and secrets.compare_digest(token.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether an address, or a name, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """Lets through the requests that may come in; ASGI middleware.

    Without a token, a request must name this machine: another site's page, whose name was made to mean it,
    does not (DNS rebinding). What a page of another site sends is refused everywhere.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request: passes it on, or answers it."""
        if scope["type"] == "http" and (answer := self._answer(scope)) is not None:
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if self._access.token is None and not is_loopback(_without_port(host)):
            return _refused(421, "this service is for its own machine; ask for 127.0.0.1 or localhost")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return _refused(403, "pages of other sites may not use this service; open its own")
        if self._access.token is None or path in OPEN:
            return None
        if path == "/" and (asked := dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")):
            if self._access.is_known(asked):
                return self._welcomed(scope)
        elif any(map(self._access.is_known, _tokens(headers))):
            return None
        answer = _refused(401, "the token is missing or wrong; send it as `Authorization: Bearer TOKEN`")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _welcomed(self, scope: Scope) -> Response:
        """Back to the page, with the token in a cookie and no more in the address."""
        rest = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"]
        answer = RedirectResponse(f"/?{urlencode(rest)}" if rest else "/", 303)
        answer.set_cookie(
            COOKIE,
            self._access.token or "",
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer


def _tokens(headers: Headers) -> list[str]:
    """What a request shows as tokens."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    shown = [token.strip()] if kind.lower() == "bearer" else []
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return shown
    return shown if cookie is None else [*shown, cookie.value]


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and (not name.startswith("[") or name.endswith("]")) else host


def _refused(code: int, why: str) -> JSONResponse:
    return JSONResponse({"detail": why}, code)
