"""What a month will cost: forecasts, cap simulation, the cost of a new peak."""
