{{ current_rows('order_items') }}
