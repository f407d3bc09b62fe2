"""Speed of the engine that answers here, beside other ways to serve the same model."""
