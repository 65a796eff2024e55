"""The routes of the management API, one file per room of it."""
