"""The steps of the schema; each file is one."""
