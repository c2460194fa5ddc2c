from __future__ import annotations

import pytest

from counterfoil.primitives.currencies import CURRENCIES, Currency, check_currency, is_currency, minor_unit


@pytest.mark.parametrize(
    ("code", "places"),
    [("JPY", 0), ("KRW", 0), ("USD", 2), ("EUR", 2), ("CNY", 2), ("KWD", 3), ("CLF", 4), ("XAF", 0)],
)
def test_money(code: str, places: int) -> None:
    assert is_currency(code)
    assert check_currency(code) == code
    assert minor_unit(code) == places


@pytest.mark.parametrize("code", ["XAU", "XAG", "XDR", "XTS", "XXX"])
def test_a_code_without_minor_unit_is_no_money(code: str) -> None:
    assert code in CURRENCIES
    assert not is_currency(code)
    for ask in (check_currency, minor_unit):
        with pytest.raises(ValueError, match="no minor unit"):
            ask(code)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "ZZZ", "BGN", "HRK", "DEM", "EUR ", "ЕUR"])
def test_what_is_not_on_the_active_list_is_refused(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(ValueError, match="not an active") as caught:
        check_currency(code)
    assert str(caught.value).isascii()


def test_the_table_is_in_order_and_unique() -> None:
    assert len(CURRENCIES) == 178
    assert list(CURRENCIES) == sorted(CURRENCIES)
    assert len({row.numeric for row in CURRENCIES.values()}) == 178
    assert CURRENCIES["USD"] == Currency("USD", 840, 2)
    for code, row in CURRENCIES.items():
        assert code == row.code
        assert len(code) == 3
        assert 0 < row.numeric < 1_000
