"""How well the hub finds the memories that answer a question, measured over HTTP beside known methods."""
