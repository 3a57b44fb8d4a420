"""
Two webhooks with one key are one webhook, and the second is never mapped.

Platforms without an id of a delivery are told apart by what changed.  Their dates are of whole
seconds, and a shop that changes an order twice in one must be heard twice; so must an order that
is sent once for something else and once for its state.  A repeat stays a repeat.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.fixtures import plan_of, read_case
from bridge.load import Loaded
from tests.test_mutations import BODY, changed, parts, with_part

FIXTURES = Path(__file__).parent / "fixtures"

#: A fixture, the part of it that changes, where, and to what.  No date changes with it.
WITHIN_A_SECOND = [
    ("yampi/status_paid_beside_order_paid", BODY, "resource.status.data.alias", "cancelled"),
    ("tray/order_paid", "order", "Order.status", "FINALIZADO"),
    ("tray/pending_not_paid", "order", "Order.payment_date", "2026-03-12"),
    ("wakecommerce/order_paid", "order", "situacaoPedidoId", 8),
    ("wakecommerce/pending_not_paid", "order", "dataPagamento", "2026-03-10T09:15:14"),
    ("cartpanda/order_completed", "order", "order.financial_status", "refunded"),
    ("cartpanda/order_completed", "order", "order.fulfillment_status", None),
    ("cartpanda/order_completed", "order", "order.cancelled_at", "2026-03-15T09:00:00-03:00"),
    ("cartpanda/order_completed", "order", "order.chargeback_at", "2026-03-15T09:00:00-03:00"),
    ("lojaintegrada/another_change", BODY, "situacao.situacao_alterada", True),
]


@pytest.mark.parametrize(("name", "part", "path", "new"), WITHIN_A_SECOND)
def test_what_changed_within_a_second_is_no_repeat(
    name: str, part: str, path: str, new: Any, loaded: Loaded
) -> None:
    case = read_case(FIXTURES / name)
    document = dict(parts(case))[part]
    other = with_part(case, part, changed(document, tuple(path.split(".")), new))

    assert plan_of(other, loaded).key != plan_of(case, loaded).key


@pytest.mark.parametrize("name", sorted({name for name, *_ in WITHIN_A_SECOND}))
def test_the_same_again_is_a_repeat(name: str, loaded: Loaded) -> None:
    case = read_case(FIXTURES / name)
    again = read_case(FIXTURES / name)

    assert plan_of(again, loaded).key == plan_of(case, loaded).key


def test_two_notices_of_one_state_are_one(loaded: Loaded) -> None:
    case = read_case(FIXTURES / "tray/order_paid")
    other = with_part(case, BODY, case.request.body.replace(b"act=update", b"act=insert"))

    assert other.request.body != case.request.body
    assert plan_of(other, loaded).key == plan_of(case, loaded).key


#: The date, and what changes without one.  The webhook itself is the same bytes each time.
WITHOUT_A_DATE = [
    ("tray/order_paid", "Order.modified", "Order.status", "FINALIZADO"),
    ("wakecommerce/order_paid", "dataUltimaAtualizacao", "situacaoPedidoId", 8),
    ("cartpanda/order_completed", "order.updated_at", "order.financial_status", "refunded"),
]


@pytest.mark.parametrize(("name", "date", "path", "new"), WITHOUT_A_DATE)
def test_a_change_without_a_date_is_no_repeat(
    name: str, date: str, path: str, new: Any, loaded: Loaded
) -> None:
    case = read_case(FIXTURES / name)
    before = changed(case.resources["order"], tuple(date.split(".")), None)
    undated = with_part(case, "order", before)
    after = changed(undated.resources["order"], tuple(path.split(".")), new)

    assert plan_of(with_part(undated, "order", after), loaded).key != plan_of(undated, loaded).key
