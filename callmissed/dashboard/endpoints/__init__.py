"""The routes of the workspace, one file per room of it."""
