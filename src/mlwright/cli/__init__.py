"""The command line: one module a noun or verb, which parses, calls the library and prints."""
