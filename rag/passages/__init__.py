"""From a document's text to the passages that are searched and cited."""
