"""Small tables that show how one is written; the ranges belong to a block that was never handed out."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

from monitor.intake import Kind
from monitor.intake.tables import Format

SAMPLES: Mapping[Kind, Sequence[Sequence[str]]] = {
    Kind.CUSTOMERS: (
        ("customer", "language", "telegram_chat", "email"),
        ("alice", "en", "700000001", "alice@example.org"),
        ("bogdan", "ru", "700000002", ""),
        ("chen", "", "", "chen@example.net"),
    ),
    Kind.DELIVERIES: (
        ("order", "item", "customer", "unit", "tier", "supplier", "delivered_at", "range", "address", "access",
         "protocol", "endpoint", "tx"),
        ("INV-1001", "1", "alice", "vpn-1001", "vpn-eu", "northwind", "2026-05-25T12:00:00Z",
         "1.2.3.0/28 1.2.3.32/28", "1.2.3.5", "", "", "", "0x5e1f"),
        ("INV-1001", "2", "alice", "vps-1001", "do-basic", "eastgate", "2026-05-25T20:05:00+08:00",
         "", "", "do-1001", "", "", "0x5e1f"),
        ("INV-1002", "1", "bogdan", "vpn-1002", "vpn-eu", "northwind", "2026-05-26T08:30:00Z",
         "1.2.3.64/28", "", "vpn-1002", "wireguard", "1.2.3.65:51820", ""),
    ),
    Kind.STOCK: (
        ("unit", "tier", "supplier", "range", "address", "access", "cost"),
        ("vpn-spare-1", "vpn-eu", "harbour", "1.2.3.128/28", "", "", "4.50"),
        ("vpn-spare-2", "vpn-eu-plus", "harbour", "1.2.3.160/28", "1.2.3.161", "", "9.00"),
        ("vps-spare-1", "do-basic", "eastgate", "", "", "do-spare-1", "5"),
    ),
}  # fmt: skip


def sample(kind: Kind, form: Format) -> str:
    """Write a small table that can be imported as it is, given its tiers."""
    header, *rows = SAMPLES[kind]
    if form is Format.JSONL:
        full = ({name: cell for name, cell in zip(header, row, strict=True) if cell} for row in rows)
        return "".join(f"{json.dumps(row)}\n" for row in full)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(SAMPLES[kind])
    return written.getvalue()
