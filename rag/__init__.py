"""The private library: parsing, passages, vectors, words, retrieval, and answers with checked citations."""
