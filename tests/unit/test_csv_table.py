"""CSV as spreadsheets and people write it."""

from __future__ import annotations

import pytest

from mailticket import csv_table
from mailticket.csv_table import CsvFault, read_csv


def rows(text: str | bytes) -> list[tuple[int, tuple[str, ...]]]:
    table = read_csv(text if isinstance(text, bytes) else text.encode())
    assert table.faults == ()
    return [(row.line, row.cells) for row in (table.header, *table.rows)]


def fault(text: str | bytes) -> str:
    [only] = read_csv(text if isinstance(text, bytes) else text.encode()).faults
    return str(only)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_delimiter_line_end_and_byte_order_mark(delimiter: str, end: str, mark: str) -> None:
    text = f"{mark}name{delimiter}code{end}Zoë{delimiter}Z{end}"
    assert rows(text) == [(1, ("name", "code")), (2, ("Zoë", "Z"))]


def test_cells_of_several_lines_count_as_lines_and_empty_lines_are_no_rows() -> None:
    text = 'name,description\n\nA,"one\ntwo, ""three"""\n , \nB,x\n'
    assert rows(text) == [
        (1, ("name", "description")),
        (3, ("A", 'one\ntwo, "three"')),
        (6, ("B", "x")),
    ]


def test_one_column_needs_no_delimiter() -> None:
    assert rows("name\nAcme\n")[1:] == [(2, ("Acme",))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: there is no header row with the columns' names"),
        ("name\nCaf\xe9".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8: save the file as"),
        ("name\nA".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        ('name\n"Acme\n', "line 2: a quote is not closed"),
        ('name\n"Ac"me"\n', "line 2: this is not CSV"),
        ("name,code\nAcme\n", "line 2: 1 cells where the header row has 2; leave empty cells in"),
        ("name,code\nA,b,c\n", "line 2: 3 cells where the header row has 2; quote a cell that"),
        ("name\n" + "x" * 100_001, "line 2: a cell has more than 100,000 characters"),
        (b"x" * (64 * 1024**2 + 1), "file: 67,108,865 bytes, at most 67,108,864 are taken"),
    ],
    ids=range(9),
)
def test_what_is_no_csv_is_told_with_its_line(text: str | bytes, told: str) -> None:
    assert fault(text).startswith(told)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "MOST_ROWS", 2)
    assert fault("name\nA\nB\nC\nD\n") == "line 4: at most 2 rows are taken"


def test_a_fault_shows_the_beginning_of_a_long_value() -> None:
    told = str(CsvFault(7, "email", "x" * 500, "too long"))
    assert told == f"line 7: email = '{'x' * 79}…': too long"
