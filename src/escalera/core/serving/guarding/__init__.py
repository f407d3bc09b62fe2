"""Guards on what goes in and out: decisions only; expressions are searched through a port."""
