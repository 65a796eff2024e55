"""The security headers of every page."""


def content_security_policy(*, framed_by: str = "'none'") -> str:
    """The Content-Security-Policy: everything from our own origin, nothing inline, nothing evaluated.

    `framed_by` is the `frame-ancestors` source list; only the chat widget's frame passes another than "'none'".
    `data:` images are allowed for QR codes drawn by the server.
    """
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "media-src": "'self' blob:",
        "manifest-src": "'self'",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": framed_by,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def security_headers(*, framed_by: str = "'none'", https: bool = False) -> dict[str, str]:
    """Headers for every reply, set by the http middleware; `https` adds Strict-Transport-Security."""
    headers = {
        "Content-Security-Policy": content_security_policy(framed_by=framed_by),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=(), microphone=(self)",
    }
    if framed_by == "'none'":
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers
