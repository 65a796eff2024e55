"""Knowledge: what a bot or a completion is grounded on. Sources, the passages they are cut into, finding them, answering.

A source belongs to the tenant, not to a bot; bots name the sources they may use. `extract` opens files (in a child process
with limits) outside of any transaction, `store` keeps them. `retrieve` finds passages with full-text search in each
language, and `answer` is the model `local/extractive`, which says only what stands in them and declines otherwise.
"""

from callmissed.knowledge.extractive import Answer, answer
from callmissed.knowledge.language import language_of
from callmissed.knowledge.retrieval import Passage, retrieve, retrieve_in_text
from callmissed.knowledge.service import (
    add_text,
    extract,
    list_sources,
    passages_of,
    remove_source,
    source,
    store,
)

__all__ = [
    "Answer",
    "Passage",
    "add_text",
    "answer",
    "extract",
    "language_of",
    "list_sources",
    "passages_of",
    "remove_source",
    "retrieve",
    "retrieve_in_text",
    "source",
    "store",
]
