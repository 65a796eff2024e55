"""What searches are asked with, and what they find: the same for every vendor."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from callmissed.foundation.tenancy import Access
from callmissed.gateway.problems import RequestInvalid, Unsupported

Mode = Literal["auto", "shorter", "detailed"]
SNIPPETS: Final[dict[Mode, int]] = {"shorter": 200, "auto": 600, "detailed": 3_000}
"""Characters of a snippet, by how much is wished."""
LONGEST_CONTENT: Final = 20_000
"""Characters of the text of a page."""


@dataclass(frozen=True, slots=True)
class Sought:
    """A search on its way. `model` is what the upstream calls the search; what is empty was not asked for.

    `country` (ISO 3166) and `language` (BCP 47) say whose results are wished, `recent` how old they may be: `qdr:w2` is two weeks.
    """

    model: str
    query: str
    access: Access
    count: int = 10
    mode: Mode = "auto"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    start: date | None = None
    end: date | None = None
    content: bool = False
    country: str = ""
    language: str = ""
    recent: str = ""

    def check(self, knows: Collection[str], most: int) -> None:
        """Whether a search that `knows` these fields, and finds so many at `most`, can do it. Raises Unsupported, RequestInvalid."""
        wished = {
            "include_domains": self.include, "exclude_domains": self.exclude, "start_published_date": self.start,
            "end_published_date": self.end, "include_content": self.content, "gl": self.country, "hl": self.language,
            "tbs": self.recent,
        }  # fmt: skip
        for name, value in wished.items():
            if value and name not in knows:
                raise Unsupported(param=name)
        if self.count > most:
            raise RequestInvalid(f"This provider finds at most {most} at once.", param="num_results")
        if self.recent and (self.start or self.end):
            raise RequestInvalid("Ask for tbs or for dates, not for both.", param="tbs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. `url` is http or https, or a `urn:uuid:` of the workspace's own knowledge; `published` as the vendor says it."""

    title: str
    url: str
    snippet: str
    published: str | None = None
    content: str | None = None
    source_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search; `answer` where whoever searched gives one."""

    findings: Sequence[Finding]
    answer: str | None = None


class SearchesNothing:
    """An upstream that searches nothing by itself."""

    async def search(self, sought: Sought) -> Found:
        """It does not. Raises Unsupported."""
        raise Unsupported(param="model", endpoint=sought.model)
