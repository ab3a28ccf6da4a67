"""Sources on the desk: their list, and looks at outlets that staff ask for."""
