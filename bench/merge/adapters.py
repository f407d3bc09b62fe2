"""Adapters."""
def run(peer):
    return {}
