"""The same workspace for programs: /api/v1, JSON in and out, problems as in RFC 9457, described by an OpenAPI 3.1 document.

A caller is a signed-in browser or a bearer key; each route asks for one permission, the same that its page asks for.
"""
