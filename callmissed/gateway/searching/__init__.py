"""Searching: the web by vendors that an operator has accounts at, and the workspace's own knowledge. Sold by the search."""

from callmissed.gateway.searching.calls import Searched, seek
from callmissed.gateway.searching.requests import SearchRequest, is_search, read_search_request
from callmissed.gateway.searching.writing import written

__all__ = ["SearchRequest", "Searched", "is_search", "read_search_request", "seek", "written"]
