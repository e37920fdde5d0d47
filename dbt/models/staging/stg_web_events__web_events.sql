{{ current_rows('web_events') }}
