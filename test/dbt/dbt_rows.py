"""Hand-made rows: few, and each there for a reason."""

from typing import Any

NOON = "2026-11-01T12:00:00Z"


def customer(customer_id: int, **values: Any) -> dict[str, Any]:
    """A customer that keeps its contract; `values` replace columns."""
    return {
        "customer_id": customer_id,
        "name": "Ada Lovelace",
        "email": None,
        "country": "GB",
        "registered_on": "2026-01-31",
        "updated_at": NOON,
        **values,
    }


def order(order_id: int, **values: Any) -> dict[str, Any]:
    """An order that keeps its contract; `values` replace columns."""
    return {
        "order_id": order_id,
        "customer_id": 10,
        "order_date": "2026-10-30",
        "delivery_date": "2026-11-02",
        "status": "open",
        "amount": "12.50",
        "currency": "EUR",
        "updated_at": NOON,
        **values,
    }


def product(product_id: int, **values: Any) -> dict[str, Any]:
    """A product that keeps its contract; `values` replace columns."""
    return {
        "product_id": product_id,
        "name": "Red lamp",
        "category": "light",
        "price": "12.50",
        "is_sold": True,
        "updated_at": NOON,
        **values,
    }


def item(order_id: int, line_number: int, **values: Any) -> dict[str, Any]:
    """A line of an order that keeps its contract; `values` replace columns."""
    return {
        "order_id": order_id,
        "line_number": line_number,
        "product_id": 7,
        "quantity": 1,
        "unit_price": "12.50",
        **values,
    }


def rate(rate_date: str, currency: str, value: str, **values: Any) -> dict[str, Any]:
    """A rate that keeps its contract; `values` replace columns."""
    return {
        "rate_date": rate_date,
        "currency": currency,
        "rate": value,
        "published_at": f"{rate_date}T16:00:00Z",
        **values,
    }


def web_session(session_id: str, **values: Any) -> dict[str, Any]:
    """A visit that keeps its contract; `values` replace columns."""
    return {
        "session_id": session_id,
        "started_at": NOON,
        "ended_at": NOON,
        "events": 1,
        "page_views": 1,
        "searches": 0,
        "baskets": 0,
        "first_page": None,
        "last_page": None,
        "customer_id": None,
        "order_id": None,
        "has_ordered": False,
        **values,
    }


def event(event_id: str, **values: Any) -> dict[str, Any]:
    """An event that keeps its contract; `values` replace columns."""
    return {
        "event_id": event_id,
        "event_type": "page_view",
        "occurred_at": NOON,
        "session_id": "s",
        "customer_id": None,
        "order_id": None,
        "page_url": None,
        **values,
    }
