{{ current_rows('web_sessions') }}
