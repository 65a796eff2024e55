"""House rules that ruff and pyright cannot know, the front doors of the rooms, and the ratchet.

Run as `python -m tools.house rules|doors|ratchet`.
"""
