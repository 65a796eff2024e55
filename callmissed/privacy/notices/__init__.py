"""The notices: policy, cookies, security, agreement, deletion, partners and record of processing, compiled from what the
platform declares. `compile_documents` writes them in one language; `gaps` says what a document forgot.
"""

from callmissed.privacy.notices.compiler import Compiled, compile_documents
from callmissed.privacy.notices.documents import NAMES, written
from callmissed.privacy.notices.languages import LANGUAGES
from callmissed.privacy.notices.register import gaps, promise_ids
from callmissed.privacy.notices.rendering import FORMATS, rendered

__all__ = [
    "FORMATS",
    "LANGUAGES",
    "NAMES",
    "Compiled",
    "compile_documents",
    "gaps",
    "promise_ids",
    "rendered",
    "written",
]
