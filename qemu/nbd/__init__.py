"""A service over NBD on the nodes of a lab, its client, and the judgement of what the client wrote."""
