"""The signed-in web pages of a workspace, and the way in: sign-in, the first questions, and on a laptop the outbox."""
