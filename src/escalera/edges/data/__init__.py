"""Files of items: read in every form that is known here, written, sketched and told by language."""
