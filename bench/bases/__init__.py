"""Small base models, pretrained here, and tasks that they do not know yet."""
