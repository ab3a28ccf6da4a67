"""Citizens' feedback that staff upload: read, looked at, taken in."""
