"""The signed-in web pages of a workspace, and the way in: sign-in, the first questions, and on a laptop the outbox."""

from callmissed.dashboard.endpoints.proofs import proof_page

__all__ = ["proof_page"]
