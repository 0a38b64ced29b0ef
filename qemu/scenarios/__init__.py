"""Every module in this folder is loaded, and registers its scenarios as it is."""
