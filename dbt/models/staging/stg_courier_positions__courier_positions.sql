{{ current_rows('courier_positions') }}
