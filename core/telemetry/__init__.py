"""What the portal shows of itself: metrics, log lines, error reports and traces."""
