"""Late changes billed: what a closed month lacked becomes lines of the next invoice."""
