"""Web chat: a widget that any website can show, in a frame of ours.

The frame talks to its own origin only and carries an opaque token in a header, kept by the browser for that frame alone:
no cookie, nothing long-lived in an address. Nothing is stored about a visitor before they write.
"""
