"""The demo: three providers with a history, made through the same domain calls as real ones."""
