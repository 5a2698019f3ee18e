"""The console: what is known of a running gateway, as a picture; the page and the report are made of it."""
