"""What billing promises for each provider; `core.operations.promises` checks it in rounds."""
