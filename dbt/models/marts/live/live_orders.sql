{{ live_rows('orders', ref('fct_orders')) }}
