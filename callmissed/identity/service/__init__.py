"""The verbs of the room, one file per noun."""
