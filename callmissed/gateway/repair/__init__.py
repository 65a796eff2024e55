"""Repair of answers that were to be JSON and are not: what parses is never touched, what cannot be repaired stays as it is.

The work is done in a child process with limits, because neither a repairer nor a schema can be trusted with what a model, or a
caller, has written.
"""

from callmissed.gateway.repair.mending import Format, Mended, format_of, mended

__all__ = ["Format", "Mended", "format_of", "mended"]
