"""The mapping language: files are read, checked and compiled at load, then only run."""
