"""Keys that workspaces have at suppliers themselves: brought and shown (`provider_keys`), opened for calls, and which way calls take."""
