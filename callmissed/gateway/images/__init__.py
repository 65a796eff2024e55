"""Pictures made from words. Sold by the picture: only what is delivered is charged."""

from callmissed.gateway.images import history
from callmissed.gateway.images.calls import Drawn, document, draw, fitting
from callmissed.gateway.images.pictures import Picture
from callmissed.gateway.images.requests import LONGEST_PROMPT, ImageRequest, read_image_request

__all__ = [
    "LONGEST_PROMPT",
    "Drawn",
    "ImageRequest",
    "Picture",
    "document",
    "draw",
    "fitting",
    "history",
    "read_image_request",
]
