{{ history_of('customers', ref('stg_operations__customers')) }}
