"""Tax rates and currencies for properties."""

from hypothesis import strategies as st

rates = st.decimals(0, 100, places=3)
currencies = st.sampled_from(["USD", "JPY", "KWD"])
