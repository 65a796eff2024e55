"""Reversible masking: what names a person or a firm in India does not leave for an upstream, and stands in the answer again.

Before a request leaves, each identifier becomes a placeholder such as `[AADHAAR_1]`: the same value the same one, within one
request. Whoever runs the model sees placeholders; the caller sees values. Nothing of it outlives the request.
"""

from callmissed.gateway.masking.mask import Mask, masked
from callmissed.gateway.masking.restoring import Restoring, restored

__all__ = ["Mask", "Restoring", "masked", "restored"]
