"""Channels: the ways a contact reaches a bot. Web chat first; WhatsApp and outbound webhooks have their place beside it."""
