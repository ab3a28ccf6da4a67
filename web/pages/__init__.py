"""The pages, one module each; `router` holds a page's addresses."""
