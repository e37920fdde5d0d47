{{ current_rows('customers') }}
