"""Guards whose findings come from elsewhere: a user's function, another tool's recognisers."""
