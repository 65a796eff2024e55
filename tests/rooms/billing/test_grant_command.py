"""The command that adds money refuses what is no amount, before it touches anything."""

from uuid import uuid4

import pytest
from click.testing import CliRunner

from callmissed.app.cli import wallet_grant


@pytest.mark.parametrize("amount", ["0", "-5", "nan", "inf", "1e30", "ten", "0.0000001", "1000000.01"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    refused = CliRunner().invoke(wallet_grant, ["--", str(uuid4()), amount])
    assert refused.exit_code == 2, refused.output
    assert "amount in rupees" in refused.output or "between ₹0 and ₹10,00,000" in refused.output
