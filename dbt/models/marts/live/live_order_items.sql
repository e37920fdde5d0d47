{{ live_rows('order_items', ref('fct_order_items')) }}
