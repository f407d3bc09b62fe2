"""The labelling page: people grade answers, choose between two, or write targets."""
