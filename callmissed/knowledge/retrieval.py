"""Finding the passages that may answer a question, in the tenant's sources or in a text that came with a request.

PostgreSQL's full-text search does the finding, each passage in its own language's configuration. A question is broken into
terms, each with what means the same (`synonyms.py`); a term no passage has is looked up among the words that passages do
have, by likeness, which forgives slips and unknown endings. A passage's score is the share of the question it covers,
rare terms counting more, then how close together the words stand (ts_rank_cd); the question's own language comes first.
The order is total, so the same question finds the same passages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from callmissed.foundation.database import Tx
from callmissed.knowledge.extraction import from_markdown
from callmissed.knowledge.language import configuration_of
from callmissed.knowledge.passages import Draft, passages
from callmissed.knowledge.question import Question, Term, understand
from callmissed.knowledge.repository import configurations
from callmissed.knowledge.synonyms import nearest_word
from callmissed.knowledge.words import fold, likeness, stem

COVERAGE_SHARE = 0.85
OTHER_LANGUAGE = 0.7
"""A passage in another language may answer (a price is a price) but yields to one in the question's own."""
ALIKE = 0.6
MOST_ALIKE = 4
WEAK = 0.2
ACTION = 0.6
CANDIDATES = 60
"""Passages for which the distance between words is computed; a ranking by coverage picks them."""
SAMPLE = 2000
"""Passages whose words are offered for a term nobody has."""
MAX_TEXT = 200_000
"""Characters of a request's text that are searched. Models downstream take less."""

STORED = """
scope AS (
  SELECT p.id, p.search_config, p.tsv, p.language FROM knowledge_passage p
  WHERE p.tenant_id = :tenant AND (CAST(:sources AS uuid[]) IS NULL OR p.source_id = ANY(CAST(:sources AS uuid[])))
)"""
GIVEN = """
scope AS (
  SELECT g.id, g.search_config, g.language,
    setweight(to_tsvector(CAST(g.search_config AS regconfig), g.heading), 'A')
    || setweight(to_tsvector(CAST(g.search_config AS regconfig), g.words), 'B') AS tsv
  FROM unnest(CAST(:ids AS int[]), CAST(:configs AS text[]), CAST(:languages AS text[]), CAST(:headings AS text[]),
              CAST(:bodies AS text[])) AS g(id, search_config, language, heading, words)
)"""
SIZES = "WITH {scope} SELECT search_config, count(*) FROM scope GROUP BY search_config ORDER BY search_config"
TERMS = """
term AS MATERIALIZED (
  SELECT t.n, t.rarity, c.name AS search_config, to_tsquery(CAST(c.name AS regconfig), t.query) AS query
  FROM unnest(CAST(:ns AS int[]), CAST(:rarities AS float8[]), CAST(:queries AS text[])) AS t(n, rarity, query)
  CROSS JOIN unnest(CAST(:names AS text[])) AS c(name)
)"""
COUNTS = """
WITH {scope}, {terms}
SELECT term.n, count(*) FROM scope JOIN term ON term.search_config = scope.search_config AND scope.tsv @@ term.query
GROUP BY term.n"""
VOCABULARY = """
WITH {scope}, sample AS (SELECT scope.tsv FROM scope ORDER BY scope.id LIMIT :sample)
SELECT DISTINCT word.lexeme FROM sample CROSS JOIN unnest(sample.tsv) AS word
WHERE starts_with(word.lexeme, :first) AND length(word.lexeme) BETWEEN :shortest AND :longest
ORDER BY word.lexeme LIMIT 5000"""
RANKED = """
WITH {scope}, {terms}, every AS MATERIALIZED (
  SELECT c.name AS search_config, to_tsquery(CAST(c.name AS regconfig), :every) AS query
  FROM unnest(CAST(:names AS text[])) AS c(name)
), covered AS (
  SELECT scope.id, sum(term.rarity) / :whole AS coverage,
    CASE WHEN min(scope.language) = ANY(CAST(:near AS text[])) THEN 1 ELSE :other END AS fits
  FROM scope JOIN term ON term.search_config = scope.search_config AND scope.tsv @@ term.query GROUP BY scope.id
), best AS (
  SELECT covered.id, covered.coverage, covered.fits FROM covered
  ORDER BY covered.coverage * covered.fits DESC, covered.id LIMIT :candidates
)
SELECT scope.id, best.coverage, best.fits
  * (:share * best.coverage + (1 - :share) * ts_rank_cd('{{0.1, 0.2, 0.6, 1.0}}', scope.tsv, every.query, 33)) AS score
FROM scope JOIN best ON best.id = scope.id JOIN every ON every.search_config = scope.search_config
ORDER BY score DESC, scope.id LIMIT :limit"""
FETCH = sql("""
SELECT p.id, p.source_id, s.title, p.ordinal, p.heading, p.locator, p.text, p.language
FROM knowledge_passage p JOIN knowledge_source s ON s.tenant_id = p.tenant_id AND s.id = p.source_id
WHERE p.tenant_id = :tenant AND p.id = ANY(CAST(:ids AS uuid[]))""")


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found. `score` (0 to 1) orders; `coverage` is the share of the question's terms in it.

    `source_id` is None for passages of a text that came with the request. `question` is the question as weighed here.
    """

    source_id: UUID | None
    title: str
    ordinal: int
    heading: str
    locator: str
    text: str
    language: str
    score: float
    coverage: float
    question: Question


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What the ranking says of one passage; `id` is its row's, or its ordinal in a given text."""

    id: Any
    score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Where to search: the SQL of the scope and its parameters."""

    scope: str
    parameters: Mapping[str, Any]

    async def rows(self, tx: Tx, statement: str, **parameters: Any) -> Sequence[Any]:
        filled = sql(statement.format(scope=self.scope, terms=TERMS))
        return (await tx.session.execute(filled, {**self.parameters, **parameters})).all()


async def retrieve(
    tx: Tx, query: str, *, sources: Sequence[UUID] | None = None, limit: int = 5
) -> list[Passage]:
    """The best passages for a question, among the given sources or all of the tenant. Empty when nothing is near it."""
    chosen = None if sources is None else [UUID(str(each)) for each in sources]
    corpus = _Corpus(STORED, {"tenant": tx.tenant_id, "sources": chosen})
    question, ranked = await _search(tx, corpus, query, limit)
    rows = await tx.session.execute(FETCH, {"tenant": tx.tenant_id, "ids": [row.id for row in ranked]})
    found = {row.id: row for row in rows}
    return [
        Passage(p.source_id, p.title, p.ordinal, p.heading, p.locator, p.text, p.language,
                row.score, row.coverage, question)
        for row in ranked
        if (p := found.get(row.id)) is not None
    ]  # fmt: skip


async def retrieve_in_text(
    tx: Tx, query: str, text: str, *, title: str = "", limit: int = 5
) -> list[Passage]:
    """The best passages of a text given with a request. Nothing is stored; only its first 200,000 characters count."""
    drafts = passages(from_markdown(text[:MAX_TEXT].replace("\0", " ")), title)
    if not drafts:
        return []
    corpus = _Corpus(GIVEN, _given(drafts, await configurations(tx)))
    question, ranked = await _search(tx, corpus, query, limit)
    chosen = [(drafts[int(row.id) - 1], row) for row in ranked]
    return [
        Passage(None, title, draft.ordinal, draft.heading, draft.locator, draft.text, draft.language,
                row.score, row.coverage, question)
        for draft, row in chosen
    ]  # fmt: skip


def _given(drafts: list[Draft], available: frozenset[str]) -> dict[str, Any]:
    return {
        "ids": [draft.ordinal for draft in drafts],
        "configs": [configuration_of(draft.language, available) for draft in drafts],
        "languages": [draft.language for draft in drafts],
        "headings": [fold(draft.heading) for draft in drafts],
        "bodies": [fold(draft.text) for draft in drafts],
    }


async def _search(tx: Tx, corpus: _Corpus, text: str, limit: int) -> tuple[Question, list[_Ranked]]:
    """The weighed question and the ranked ids."""
    question = understand(text)
    if not question.terms:
        return question, []
    sizes = {row[0]: int(row[1]) for row in await corpus.rows(tx, SIZES)}
    if not sizes:
        return question, []
    names = list(sizes)
    size = sum(sizes.values())
    terms = await _weigh(tx, corpus, question.terms, names, size)
    missing = [term for term in terms if not term.found]
    spelled = {word: meant for term in missing for word in term.asked if (meant := nearest_word(word))}
    if missing:
        question = understand(text, spelled)
        terms = await _weigh(tx, corpus, question.terms, names, size)
        likely = [term if term.found else await _likely(tx, corpus, term) for term in terms]
        terms = await _weigh(tx, corpus, tuple(likely), names, size)
    question = question.weighed(terms)
    found = [term for term in terms if term.found]
    if not found:
        return question, []
    ranked = await corpus.rows(
        tx, RANKED, **_terms(found), names=names, every=" | ".join(_tsquery(term) for term in found),
        whole=sum(term.rarity for term in terms), share=COVERAGE_SHARE,
        near=list(question.reads), other=OTHER_LANGUAGE, limit=limit, candidates=max(CANDIDATES, limit),
    )  # fmt: skip
    return question, [_Ranked(row.id, float(row.score), float(row.coverage)) for row in ranked]


async def _weigh(
    tx: Tx, corpus: _Corpus, terms: tuple[Term, ...], names: list[str], size: int
) -> tuple[Term, ...]:
    """The terms with their rarity: 1 for a term no passage has, less the more passages have it."""
    counts = {row[0]: int(row[1]) for row in await corpus.rows(tx, COUNTS, **_terms(terms), names=names)}
    return tuple(
        replace(term, found=n in counts, rarity=_weight(term, _rarity(counts.get(n, 0), size)))
        for n, term in enumerate(terms)
    )


def _weight(term: Term, rarity: float) -> float:
    """What a term counts: its rarity, less for words that carry little, and not too little for what is to be done."""
    if term.weak:
        return rarity * WEAK
    return max(rarity, ACTION) if term.is_action else rarity


def _rarity(passages_with: int, size: int) -> float:
    return math.log1p(size / (1 + passages_with)) / math.log1p(size)


async def _likely(tx: Tx, corpus: _Corpus, term: Term) -> Term:
    """A term that no passage has, with the passages' own words most like it added: slips, and endings we do not know."""
    word = term.asked[-1]
    if len(term.asked) > 1 or len(word) < 4 or word.isdigit():
        return term
    rows = await corpus.rows(
        tx,
        VOCABULARY,
        first=word[0],
        shortest=max(3, len(stem(word)) - 2),
        longest=len(word) + 3,
        sample=SAMPLE,
    )
    alike = [(max(likeness(word, row[0]), likeness(stem(word), stem(row[0]))), row[0]) for row in rows]
    best = sorted(((score, lexeme) for score, lexeme in alike if score >= ALIKE), reverse=True)[:MOST_ALIKE]
    return replace(term, phrases=(*term.phrases, *((lexeme,) for _, lexeme in best)))


def _terms(terms: Sequence[Term]) -> dict[str, Any]:
    return {
        "ns": list(range(len(terms))),
        "rarities": [term.rarity for term in terms],
        "queries": [_tsquery(term) for term in terms],
    }


def _tsquery(term: Term) -> str:
    """A term as tsquery text. Folded words hold only letters, marks, digits and inner points: nothing to escape."""
    return " | ".join("(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in term.phrases)
