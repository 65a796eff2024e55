"""Anthropic's Messages API in front of any model: its requests become chat completions, and answers its messages and events."""

from callmissed.gateway.messages.events import MessageEvents
from callmissed.gateway.messages.reading import read_count_request, read_messages_request
from callmissed.gateway.messages.writing import counted_tokens, message, model, models

__all__ = [
    "MessageEvents",
    "counted_tokens",
    "message",
    "model",
    "models",
    "read_count_request",
    "read_messages_request",
]
