"""Law as dated rows: how periods are counted, and which rows are refused."""

from datetime import UTC, date, datetime

import pytest

from callmissed.privacy.law import (
    Anchor,
    LawWrong,
    Period,
    anchors_of,
    begins,
    binding,
    day_of,
    read,
    statutes,
)

ROW = {
    "id": '"one"',
    "citation": '"Some Act 2020, s. 1"',
    "says": '"It is kept."',
    "bound": '"keep"',
    "classes": '["traffic"]',
    "period": '"1 year"',
    "anchor": '"processed_at"',
    "from": "2027-05-13",
    "confidence": '"text"',
}


def written(*rows: dict[str, str], kind: str = "law") -> str:
    return "\n".join(
        f"[[{kind}]]\n" + "\n".join(f"{name} = {value}" for name, value in row.items()) for row in rows
    )


def test_a_year_ends_on_the_same_day_of_the_next() -> None:
    year = Period.parse("1 year")
    assert year.last_day(date(2027, 5, 13)) == date(2028, 5, 13)
    assert year.last_day(date(2028, 2, 29)) == date(2029, 3, 1)
    assert Period.parse("4 years").last_day(date(2024, 2, 29)) == date(2028, 2, 29)
    assert Period.parse("6 months").last_day(date(2026, 8, 31)) == date(2027, 3, 1)
    assert Period.parse("180 days").last_day(date(2026, 12, 1)) == date(2027, 5, 30)
    assert Period.parse("72 months").last_day(date(2027, 12, 31)) == date(2033, 12, 31)


def test_periods_read_as_they_are_written() -> None:
    for text in ("1 day", "90 days", "6 months", "1 year", "8 years"):
        assert str(Period.parse(text)) == text
    assert str(Period.parse("72 months")) == "6 years"


def test_days_are_days_in_india() -> None:
    assert day_of(datetime(2027, 5, 12, 18, 29, 59, tzinfo=UTC)) == date(2027, 5, 12)
    assert day_of(datetime(2027, 5, 12, 18, 30, tzinfo=UTC)) == date(2027, 5, 13)
    assert begins(date(2027, 5, 13)) == datetime(2027, 5, 12, 18, 30, tzinfo=UTC)


def test_books_count_from_the_end_of_their_year() -> None:
    """FY 2026-27: the annual return is due on 31 December 2027; s. 36 ends on 31 December 2033, s. 128(5) on 31 March 2035."""
    anchors = anchors_of(date(2026, 7, 1))
    ends = {
        row.id: row.period.last_day(anchors[row.anchor]) for row in statutes().rows if "books" in row.classes
    }
    assert ends["gst.books"] == date(2033, 12, 31)
    assert ends["companies.books"] == date(2035, 3, 31)
    assert anchors_of(date(2027, 4, 1))[Anchor.FINANCIAL_YEAR_END] == date(2028, 3, 31)
    assert anchors_of(date(2027, 3, 31))[Anchor.FINANCIAL_YEAR_END] == date(2027, 3, 31)


def test_conditional_rows_bind_whom_they_name() -> None:
    bound = {row.id for row in binding(statutes().rows, frozenset())}
    assert "certin.subscribers" not in bound
    assert "certin.subscribers" in {
        row.id for row in binding(statutes().rows, frozenset({"cloud_service_provider"}))
    }


@pytest.mark.parametrize("member", sorted(ROW))
def test_a_row_without_a_member_is_refused_by_name(member: str) -> None:
    row = {name: value for name, value in ROW.items() if name != member}
    with pytest.raises(LawWrong) as refused:
        read(written(row))
    assert f"has no {member}: add the line `{member} = …`" in str(refused.value)
    assert ("number 1" if member == "id" else "law row one") in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"period": '"a while"'}, "'a while' is no period"),
        ({"anchor": '"birthday"'}, "'birthday'"),
        ({"classes": '["gossip"]'}, "'gossip'"),
        ({"bound": '"maybe"'}, "'maybe' is none of keep, delete"),
        ({"confidence": '"gut"'}, "'gut' is none of text, secondary, memory, reading"),
        ({"from": '"soon"'}, "'soon' is no day"),
        ({"from": "2027-05-13T00:00:00Z"}, "is no day"),
        ({"to": "2027-05-13"}, "ends before it commences"),
        ({"when": '"it_rains"'}, "on the condition 'it_rains'"),
        ({"penalty": "250"}, "a line 'penalty' that nothing reads"),
        ({"citation": '""'}, "has no citation"),
    ],
    ids=lambda each: next(iter(each)) + str(len(str(each))) if isinstance(each, dict) else "",
)
def test_a_row_that_is_wrong_is_refused_by_name(change: dict[str, str], said: str) -> None:
    with pytest.raises(LawWrong) as refused:
        read(written({**ROW, **change}))
    assert "law row one" in str(refused.value)
    assert said in str(refused.value)


def test_the_same_id_twice_is_refused() -> None:
    with pytest.raises(LawWrong, match="law row one is there twice"):
        read(written(ROW, ROW))


def test_a_minimum_above_a_maximum_is_refused_with_both_names() -> None:
    cap = {**ROW, "id": '"cap"', "bound": '"delete"', "period": '"90 days"'}
    with pytest.raises(
        LawWrong, match="law row one keeps traffic for 1 year, and cap has it deleted after 90 days"
    ):
        read(written(ROW, cap))
    assert len(read(written(ROW, {**cap, "anchor": '"cancelled_at"'})).rows) == 2
    assert len(read(written(ROW, {**cap, "from": "2020-01-01", "to": "2027-05-13"})).rows) == 2
    assert len(read(written(ROW, {**cap, "classes": '["books"]'})).rows) == 2
    assert len(read(written(ROW, {**cap, "period": '"366 days"'})).rows) == 2


def test_a_file_that_is_no_toml_is_refused() -> None:
    with pytest.raises(LawWrong, match="is no TOML"):
        read("[[law]\n")
