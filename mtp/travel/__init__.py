"""Moving the portal's clock forward in demos: everything due happens in its order."""
