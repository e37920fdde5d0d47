{{ history_of('products', ref('stg_operations__products')) }}
