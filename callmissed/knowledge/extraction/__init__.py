"""Text out of documents: pasted text, TXT, Markdown, PDF and DOCX, each as blocks that remember where they stood.

PDF and DOCX come from strangers and are hostile until proven otherwise, so they are opened only in a child process with
limits on time, memory and output (`child.py`), never in the process that serves requests.
"""

from callmissed.knowledge.extraction.blocks import Block, Document
from callmissed.knowledge.extraction.kinds import kind_of
from callmissed.knowledge.extraction.plain import decode, from_markdown, from_plain
from callmissed.knowledge.extraction.reading import MAX_BYTES, read

__all__ = ["MAX_BYTES", "Block", "Document", "decode", "from_markdown", "from_plain", "kind_of", "read"]
