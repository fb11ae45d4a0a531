"""How tables are read: dialects of CSV, lines of JSON, places of faults, and files that are none."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.intake import IntakeError
from monitor.intake.lines import LONGEST, Lines
from monitor.intake.tables import Format, Record, Table, table

KNOWN = ("order", "customer", "unit", "delivered_at", "range")
NEEDED = ("order", "unit")


def opened(words: str | bytes, form: Format = Format.CSV) -> Table:
    return table(form, Lines(io.BytesIO(words if isinstance(words, bytes) else words.encode())), KNOWN, NEEDED)


def told(records: Sequence[Record]) -> list[str]:
    return [fault.at(record.line).told("f") for record in records for fault in record.faults]


def cells(words: str | bytes, form: Format = Format.CSV) -> list[dict[str, str]]:
    records = list(opened(words, form))
    assert told(records) == []
    return [dict(record.cells) for record in records]


def unusable(words: str | bytes, form: Format = Format.CSV) -> list[str]:
    with pytest.raises(IntakeError) as refused:
        list(opened(words, form))
    return [fault.told("f") for fault in refused.value.faults]


NOT_CLOSED = "a quotation mark is opened and not closed; close it, or write one that belongs to the text twice"
PLAIN = [{"order": "A", "unit": "u"}, {"order": "B", "unit": "v"}]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("order,unit\nA,u\nB,v\n", id="plain"),
        pytest.param("order,unit\nA,u\nB,v", id="no line end at the end"),
        pytest.param("order,unit\r\nA,u\r\nB,v\r\n", id="CRLF"),
        pytest.param("\ufefforder;unit\r\nA;u\r\nB;v\r\n", id="a spreadsheet's: BOM, semicolons, CRLF"),
        pytest.param("order\tunit\nA\tu\nB\tv\n", id="tabs"),
        pytest.param(" Order , UNIT\nA,u\nB,v\n", id="headers in any case, with blanks"),
        pytest.param('"order","unit"\n"A","u"\n"B","v"\n', id="quoted"),
        pytest.param('order, unit\nA, "u"\nB, "v"\n', id="quoted after blanks"),
        pytest.param("\n\norder,unit\n\nA,u\n,\n  \nB,v\n\n", id="empty lines and rows"),
        pytest.param("order,unit,\nA,u,\nB,v,x\n", id="a column without a name"),
        pytest.param("order,unit,error\nA,u,why\nB,v,\n", id="reasons of a former import"),
    ],
)
def test_a_table_is_read_however_it_was_written(words: str) -> None:
    assert cells(words) == PLAIN


def test_a_header_is_known_however_it_is_spelt() -> None:
    assert cells("ORDER;Unit;Delivered at;range\nA;u;2026;1.2.3.0/28\n") == [
        {"order": "A", "unit": "u", "delivered_at": "2026", "range": "1.2.3.0/28"}
    ]


def test_a_quoted_cell_may_run_over_lines_and_rows_keep_their_places() -> None:
    records = list(opened('order,note,unit\nA,"one\ntwo, ""three""\n",u\nB,,v\n'))
    assert [(record.line, dict(record.cells)) for record in records] == [
        (2, {"order": "A", "unit": "u"}),
        (5, {"order": "B", "unit": "v"}),
    ]


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        pytest.param(
            "order,unit\nA,u,x\nB\nC,w\n",
            [
                "f:2: has 3 cells where the header has 2; is a comma unquoted?",
                "f:3: has 1 cells where the header has 2; is a comma unquoted?",
            ],
            id="too many and too few",
        ),
        pytest.param(
            'order,unit\nA,"u\nB,v\nC,w\n',
            [f"f:2: {NOT_CLOSED}"],
            id="a quotation mark spoils its own line only",
        ),
        pytest.param(
            'order,unit\nA,"u"x\nC,w\n',
            ["f:2: text follows a closing quotation mark; write a quotation mark that belongs to the text twice"],
            id="text after a quotation mark",
        ),
        pytest.param(
            "order,unit\nA,u\rB,v\nC,w\n",
            ["f:2: a carriage return stands in the middle; save the file with LF or CRLF line ends"],
            id="a carriage return",
        ),
        pytest.param(
            b"order,unit\nJ\xf6rg,u\nC,w\n", ["f:2: byte 2 of the line is not UTF-8; save the file as UTF-8"],
            id="latin-1",
        ),
        pytest.param(
            "order,unit\nA," + "u" * 1_000_000 + "\nC,w\n",
            ["f:2: the line is longer than 64 KiB; is there a line end missing, or a picture in a cell?"],
            id="1 MB in one cell",
        ),
        pytest.param(
            'order,unit\nA,"u' + "\n" * 70_000 + '"\nC,w\n',
            [f"f:2: {NOT_CLOSED}", f"f:70002: {NOT_CLOSED}"],
            id="a cell without an end",
        ),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_its_line_and_the_next_one_is_read(words: str | bytes, faults: list[str]) -> None:
    records = list(opened(words))
    assert told(records) == faults
    assert dict(records[-1].cells) == {"order": "C", "unit": "w"}


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        pytest.param(b"", ["f: is empty; its first line names the columns: " + ", ".join(KNOWN)], id="empty"),
        pytest.param(b"\n \r\n", ["f: is empty; its first line names the columns: " + ", ".join(KNOWN)], id="blank"),
        pytest.param(
            "order,unit\n".encode("utf-16"),
            ["f: is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)"],
            id="UTF-16 with its mark",
        ),
        pytest.param(
            "order,unit\n".encode("utf-16-le"),
            ["f:1: holds NUL bytes; is it UTF-16? Save it as UTF-8"],
            id="UTF-16 without its mark",
        ),
        pytest.param(
            b"PK\x03\x04rest", ["f: is a spreadsheet or an archive; save the sheet as CSV UTF-8"], id="a spreadsheet"
        ),
        pytest.param(b"\x1f\x8brest", ["f: is compressed; unpack it first"], id="gzip"),
        pytest.param(
            "order,unit\rA,u\r", ["f:1: line ends are CR alone; save the file with LF or CRLF line ends"], id="CR alone"
        ),
        pytest.param("A,u\n", ["f:1: order: this column is missing; there are: 'a', 'u'",
                               "f:1: unit: this column is missing; there are: 'a', 'u'"], id="no header"),
        pytest.param("order,customer\n", ["f:1: unit: this column is missing; there are: order, customer"],
                     id="missing"),
        pytest.param(
            "order,units,rnage\n",
            ["f:1: 'units' is no column; did you mean 'unit'?", "f:1: 'rnage' is no column; did you mean 'range'?"],
            id="slips of the pen",
        ),
        pytest.param("order,unit,Order\n", ["f:1: order: this column is there twice; remove one"], id="twice"),
        pytest.param(
            '"order\n', ["f:1: is no header; name the columns: " + ", ".join(KNOWN)], id="a broken header"
        ),
        pytest.param(
            "order," * LONGEST,
            ["f:1: the line is longer than 64 KiB; is there a line end missing, or a picture in a cell?"],
            id="an endless header",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused(words: str | bytes, faults: list[str]) -> None:
    assert unusable(words) == faults


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert cells("order,unit\n") == []


def test_columns_that_nobody_asked_for_are_passed_over_and_told() -> None:
    found = opened("order,unit,colour,\x1b[2J\nA,u,red,x\n")
    assert [dict(record.cells) for record in found] == [{"order": "A", "unit": "u"}]
    assert found.ignored == ["'colour'", r"'\x1b[2j'"]


def test_a_column_that_resembles_one_that_is_there_is_only_passed_over() -> None:
    assert opened("order,orders,unit\n").ignored == ["'orders'"]


def test_lines_of_json_are_read() -> None:
    words = (
        '\ufeff{"order": 17, "Unit": " u ", "range": ["1.2.3.0/28", "2600::/48"], "customer": null, "colour": {}}\n'
        '\n{"order": 1.10, "unit": "007", "error": 1, "error": 2}\r\n'
    )
    found = opened(words, Format.JSONL)
    assert [(record.line, dict(record.cells)) for record in found] == [
        (1, {"order": "17", "unit": "u", "range": "1.2.3.0/28 2600::/48", "customer": ""}),
        (3, {"order": "1.10", "unit": "007", "error": "2"}),
    ]
    assert found.ignored == ["'colour'"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ('{"order": 1', "is not JSON at character 13: Expecting ',' delimiter; write one object on each line"),
        ('{"order": NaN}', "is not JSON that a row is made of; write one object on each line"),
        ("[" * 60_000, "is not JSON that a row is made of; write one object on each line"),
        ('"order"', "is no object; write one as {...} on each line"),
        ("[]", "is no object; write one as {...} on each line"),
        ('{"order": 1, "Order": 2}', "order: this key is there twice; remove one"),
        ('{"order": true}', "order: is neither text nor a number"),
        ('{"order": ["A"]}', "order: is neither text nor a number"),
        ('{"range": [null]}', "range: is neither text nor a number; write an array of networks"),
        ('{"unti": "u"}', "'unti' is no key; did you mean 'unit'?"),
    ],
)
def test_a_bad_line_of_json_is_told_by_its_line(words: str, fault: str) -> None:
    records = list(opened(f'{{"order": "A"}}\n{words}\n{{"order": "C"}}\n', Format.JSONL))
    assert told(records) == [f"f:2: {fault}"]
    assert dict(records[-1].cells) == {"order": "C"}


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("", "f: is empty; each line is an object with the keys " + ", ".join(KNOWN)),
        ('[{"order": 1}]', "f:1: is one JSON array; write one object on each line"),
    ],
)
def test_a_file_that_holds_no_lines_of_json_is_refused(words: str, fault: str) -> None:
    assert unusable(words, Format.JSONL) == [fault]


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")], ids=["comma", "semicolon", "tab"]
)
def test_a_delimiter_too_many_is_named(delimiter: str, name: str) -> None:
    words = delimiter.join(["order", "unit"]) + "\n" + delimiter.join("ABC") + "\n"
    assert told(list(opened(words))) == [f"f:2: has 3 cells where the header has 2; is a {name} unquoted?"]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20).map(str.strip)
ROWS = st.lists(
    st.fixed_dictionaries({"order": TEXTS.filter(bool), "unit": TEXTS, "customer": TEXTS, "range": TEXTS}), max_size=8
)


@given(
    rows=ROWS,
    order=st.permutations(["order", "unit", "customer", "range"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.sampled_from(["", "\ufeff"]),
    spelling=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_what_a_writer_of_csv_wrote_is_read_back(
    rows: list[dict[str, str]],
    order: list[str],
    delimiter: str,
    end: str,
    quoting: Literal[0, 1],
    mark: str,
    spelling: Callable[[str], str],
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow([spelling(name) for name in order])
    # A carriage return alone is written bare by some writers, and no cell of ours may hold one.
    rows = [{name: " ".join(cell.split("\r")).strip() for name, cell in row.items()} for row in rows]
    rows = [row for row in rows if row["order"]]
    writer.writerows([row[name] for name in order] for row in rows)
    assert cells(mark + written.getvalue()) == rows


@given(rows=ROWS, ascii_only=st.booleans())
def test_what_a_writer_of_json_wrote_is_read_back(rows: list[dict[str, str]], ascii_only: bool) -> None:
    words = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    if rows:
        assert cells(words, Format.JSONL) == rows


SPLINTERS = st.lists(
    st.sampled_from(
        ["order", "unit", ",", ";", "\t", '"', "\n", "\r", "\r\n", "\\", "\x00", "{", "}", "[", "]", ":", "A", " ",
         "\ufeff", "ö", "NaN", '"order":', "1e999", "error", "\ud800"]
    ),
    max_size=40,
).map(lambda parts: "".join(parts).encode(errors="surrogatepass"))  # fmt: skip


@given(body=SPLINTERS | st.binary(max_size=300), head=st.sampled_from([b"", b"order,unit\n", b'{"order":1}\n']),
       form=st.sampled_from(Format))  # fmt: skip
def test_whatever_bytes_come_they_are_rows_faults_or_a_refusal(body: bytes, head: bytes, form: Format) -> None:
    try:
        found = opened(head + body, form)
        records = list(found)
    except IntakeError:
        return
    for record in records:
        assert record.line >= 1
        assert all(isinstance(cell, str) for cell in record.cells.values())
        again = found.head + found.rejected(record, 'bad, "really"')
        assert again.endswith("\n")
        if form is Format.JSONL:
            assert json.loads(again)["error"] == 'bad, "really"'
