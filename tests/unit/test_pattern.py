"""Drops are found however phones write them; near misses are seen, not lost."""

# ruff: noqa: RUF001 - look-alike letters and digits are what is tested

import resource
import sqlite3
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.drops.pattern import DropPattern, Found
from tests.unit.forked import Died, in_child

PATTERN = DropPattern()


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        ("DR1752028", ["DR1752028"]),
        ("dr1752028", ["DR1752028"]),
        ("Dr 1752028 done", ["DR1752028"]),
        ("DR\t1752028", ["DR1752028"]),
        ("DR\u00a01752028", ["DR1752028"]),
        ("DR\u202f1752028", ["DR1752028"]),
        ("DR123456 DR12345678", ["DR123456", "DR12345678"]),
        ("(DR1752028),DR1752034.", ["DR1752028", "DR1752034"]),
        ("*DR1752028*", ["DR1752028"]),
        ("📷DR1752028✅", ["DR1752028"]),
        ("שלום DR1752028 תודה", ["DR1752028"]),
        ("DR1752034\nDR1752028\ndr 1752034", ["DR1752034", "DR1752028"]),
        ("DR\u200b1752028", ["DR1752028"]),
        ("DR\u200f \u20601752028", ["DR1752028"]),
        ("DR17\u200b520\u00ad28", ["DR1752028"]),
        ("\u2068DR1752028\u2069", ["DR1752028"]),
        ("\ufeffDR1752028", ["DR1752028"]),
        ("DR١٧٥٢٠٢٨", ["DR1752028"]),
        ("DR۱۷۵۲۰۲۸", ["DR1752028"]),
        ("DR1752０２８", ["DR1752028"]),
        ("a\0DR1752028\0", ["DR1752028"]),
        (
            "DR1752028 DR1752034 DR1752040 DR1752011 DR1752039",
            ["DR1752028", "DR1752034", "DR1752040", "DR1752011", "DR1752039"],
        ),
    ],
)
def test_a_drop_is_found_in_every_form(text: str, drops: list[str]) -> None:
    assert PATTERN.find(text) == Found(tuple(drops), ())


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        ("DR123", ["DR123"]),
        ("DR12345 and dr 12345", ["DR12345", "dr 12345"]),
        ("DR123456789", ["DR123456789"]),
        ("DR123456789012", ["DR123456789012"]),
        ("DR12345 DR12345", ["DR12345"]),
        ("DR1752028Lawley", ["DR1752028Lawley"]),
        ("DR1752028\u200bLawley", ["DR1752028Lawley"]),
        ("DR1752028DR1752034", ["DR1752028DR1752034"]),
        ("_DR1752028_", ["_DR1752028_"]),
        ("_DR1752028 is done_", ["_DR1752028"]),
    ],
)
def test_a_near_miss_is_kept_as_posted(text: str, malformed: list[str]) -> None:
    assert PATTERN.find(text) == Found((), tuple(malformed))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DR",
        "DR12",
        "DR1234567890123",
        "DR 2 Smith",
        "Dr. Smith 1234567",
        "DR  1752028",
        "DR-1752028",
        "DR\n1752028",
        "DR\u200bx1752028",
        "ADR1752028",
        "A\u200bDR1752028",
        "5DR1752028",
        "x_DR1752028",
        "D\u200bR1752028",
        "D R1752028",
        "ＤＲ1752028",
        "hundred 1752028",
    ],
)
def test_other_texts_hold_nothing(text: str) -> None:
    assert PATTERN.find(text) == Found((), ())


def test_a_near_miss_is_cut_at_forty_characters() -> None:
    assert PATTERN.find("DR1752028" + "a" * 100).malformed == ("DR1752028" + "a" * 28,)
    assert max(map(len, PATTERN.find("_DR\u00a0123456789012" + "a" * 100).malformed)) == 40


INVISIBLE = [
    chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"
]


def test_no_invisible_character_hides_a_drop() -> None:
    assert len(INVISIBLE) > 150
    hidden = [
        f"U+{ord(character):04X}"
        for character in INVISIBLE
        if PATTERN.find(f"{character}DR{character} {character}175{character}2028{character}").drops
        != ("DR1752028",)
    ]
    assert hidden == []


def test_every_visible_character_parts_or_joins_as_the_rules_say() -> None:
    wrong = []
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category in {"Cf", "Cn", "Cs", "Co"} or character.isdecimal():
            continue
        between = PATTERN.find(f"DR{character}1752028").drops == ("DR1752028",)
        if between != (category == "Zs" or character == "\t"):
            wrong.append(f"U+{code:04X} between")
        beside = PATTERN.find(f"{character}DR1752028").drops == ("DR1752028",)
        if beside == (character.isalnum() or character == "_"):
            wrong.append(f"U+{code:04X} beside")
    assert wrong == []


def plain_reading(text: str) -> list[str]:
    """Find the drops as a person would: letter by letter, with the invisible ones in mind."""
    seen = [(c, place) for place, c in enumerate(text) if unicodedata.category(c) != "Cf"]
    letters = [c for c, _ in seen]
    drops = []
    for start in range(len(letters) - 1):
        if letters[start] not in "Dd" or letters[start + 1] not in "Rr":
            continue
        if seen[start + 1][1] != seen[start][1] + 1:
            continue
        if start and (letters[start - 1].isalnum() or letters[start - 1] == "_"):
            continue
        first = start + 2
        if first < len(letters) and (
            letters[first] == "\t" or unicodedata.category(letters[first]) == "Zs"
        ):
            first += 1
        last = first
        while last < len(letters) and letters[last].isdecimal():
            last += 1
        ended = last == len(letters) or not (letters[last].isalnum() or letters[last] == "_")
        if 6 <= last - first <= 8 and ended:
            drops.append("DR" + "".join(str(int(c)) for c in letters[first:last]))
    return list(dict.fromkeys(drops))


PIECES = st.sampled_from(
    [
        "DR",
        "dr",
        "D",
        "r",
        " ",
        "\t",
        "\xa0",
        "_",
        "x",
        "é",
        "²",
        "🙏",
        "\u200b",
        "\u2068",
        "\n",
        ".",
        "1",
        "123",
        "123456",
        "1752028",
        "12345678",
        "٣",
        "٣٤٥٦٧٨",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
@example("D\u200bRDR1752028")
def test_all_drops_are_found_as_a_plain_reading_finds_them(text: str) -> None:
    assert list(PATTERN.find(text).drops) == plain_reading(text)


@given(
    st.text(st.sampled_from("0123456789٠١٢٣٤٥٦٧٨٩"), min_size=6, max_size=8),
    st.sampled_from(["DR", "dr", "Dr", "dR"]),
    st.sampled_from(["", " ", "\t", "\u2009"]),
    st.lists(st.sampled_from(INVISIBLE), max_size=3).map("".join),
)
def test_a_drop_is_normalised_whatever_its_form(
    digits: str, letters: str, space: str, invisible: str
) -> None:
    text = f"x {letters}{invisible}{space}{invisible}{invisible.join(digits)}{invisible}, y"
    assert PATTERN.find(text).drops == ("DR" + "".join(str(int(digit)) for digit in digits),)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_drop_is_lost_by_the_filter_inside_sqlite(text: str) -> None:
    if PATTERN.find(text) == Found((), ()):
        return
    database = sqlite3.connect(":memory:")
    passed = database.execute("SELECT ? LIKE ?", (text, PATTERN.prefilter)).fetchone()
    database.close()
    assert passed == (1,)


LONG = 65_536


@pytest.mark.parametrize(
    "piece",
    [
        "DR",
        "1",
        "DR1",
        "DR123456",
        "DR123456a",
        "_",
        "_DR12345_",
        "DR ",
        "a",
        "٣",
        "DR 12345 ",
        "\u200b",
        "d\u200b",
        "dr\u200b",
        "D\u200b\u200b",
        "DR\u200b1",
    ],
)
def test_the_work_is_in_proportion_to_the_length(piece: str) -> None:
    # Each takes a few milliseconds. Work that grew with the square of the length
    # would be thousands of times as much, and the kernel would end it.
    def find() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (3, 3))
        found = 0
        for start in ("", "DR", "D", "DR1", "xD"):
            found += len(PATTERN.find(start + piece * (LONG // len(piece))).drops)
            found += len(PATTERN.find(start + piece * (LONG // len(piece)) + "R").drops)
        return found

    assert not isinstance(in_child(find), Died)


def test_a_projects_own_expression_replaces_the_pattern() -> None:
    own = DropPattern(r"(?i)\bvelo[- ]?\d{4}\b")
    assert own.find("velo-1234, VELO 1234, velo1234 and DR1752028") == Found(
        ("VELO-1234", "VELO1234"), ()
    )
    assert own.prefilter is None


def test_the_first_group_is_the_drop_and_the_whole_match_where_it_took_no_part() -> None:
    own = DropPattern(r"site (\w\d+)|B\d+")
    assert own.find("site a17, B٣\u200b5, site a17").drops == ("A17", "B3")


def test_an_optional_group_that_is_empty_gives_the_whole_match() -> None:
    assert DropPattern(r"X\d(y*)").find("X1 X2yy").drops == ("X1", "YY")


def test_what_postgresql_cannot_hold_is_no_part_of_a_drop() -> None:
    assert DropPattern("a.*?b|\0+").find("a\0\ud800b ab \0").drops == ("AB",)


def test_a_match_of_nothing_but_spaces_is_no_drop() -> None:
    assert DropPattern(r"#(\s+)").find("# a").drops == ()


@pytest.mark.parametrize("expression", ["(", "*", "(?P<a>x)(?P<a>y)", "x{99999999999999}"])
def test_a_faulty_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        DropPattern(expression)


@pytest.mark.parametrize("expression", ["", "x*", "(DR)?", "$"])
def test_an_expression_that_matches_the_empty_text_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="empty text"):
        DropPattern(expression)
