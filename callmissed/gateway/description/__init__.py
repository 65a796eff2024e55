"""The description of the model API (OpenAPI 3.1), made from the same declarations that read its requests."""

from callmissed.gateway.description.document import ADDRESS, describe

__all__ = ["ADDRESS", "describe"]
