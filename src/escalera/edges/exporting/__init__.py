"""What was learned, in forms that other tools take."""
