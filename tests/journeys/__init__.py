"""Journeys: dated scenarios of one provider over several months."""
