"""The demo: one believable company, made through the front doors of the rooms like any other."""
