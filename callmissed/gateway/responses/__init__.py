"""OpenAI's Responses API in front of any model: its requests become chat completions, and answers its items and events.

Nothing is kept between requests: the conversation is in the request, as it is with completions.
"""

from callmissed.gateway.responses.events import ResponseEvents
from callmissed.gateway.responses.reading import read_response_request
from callmissed.gateway.responses.writing import response

__all__ = ["ResponseEvents", "read_response_request", "response"]
