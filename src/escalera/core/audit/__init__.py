"""What an auditor asks: which terms hold for what was made."""
