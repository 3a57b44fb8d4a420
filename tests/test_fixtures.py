"""A fixture is read as the request that a platform sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.fixtures import read_case


def written(folder: Path, line: str | None) -> Path:
    (folder / "request.headers").write_text("X-Topic:  paid \n\ncontent-type: text/plain\n")
    (folder / "request.body").write_bytes(b"{}\n")
    if line is not None:
        (folder / "request.line").write_text(line)
    return folder


def test_a_fixture_is_a_post_without_a_query(tmp_path: Path) -> None:
    request = read_case(written(tmp_path, None)).request

    assert (request.method, request.query, request.raw_query) == ("POST", {}, "")
    assert request.headers == {"x-topic": "paid", "content-type": "text/plain"}
    assert request.body == b"{}\n"


@pytest.mark.parametrize(
    ("line", "method", "query", "raw"),
    [
        ("GET ?a=%20b&c=", "GET", {"a": " b", "c": ""}, "a=%20b&c="),
        ("PUT\n", "PUT", {}, ""),
        ("POST ?eventtype=order.created\n", "POST", {"eventtype": "order.created"},
         "eventtype=order.created"),
    ],
)  # fmt: skip
def test_its_line_tells_method_and_query_where_they_differ(
    tmp_path: Path, line: str, method: str, query: dict[str, str], raw: str
) -> None:
    request = read_case(written(tmp_path, line)).request

    assert (request.method, request.query, request.raw_query) == (method, query, raw)
